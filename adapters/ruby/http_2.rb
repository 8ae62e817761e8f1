# Adapter: http-2 (Debian: ruby-http-2).
require_relative 'protocol'
codec 'http/2', 'ruby-http-2'

# Both directions of a connection.
class Connection
  def initialize
    @decompressor = HTTP2::Header::Decompressor.new
    @compressor = HTTP2::Header::Compressor.new
  end

  def decode(block, sizes)
    sizes.each { |size| @decompressor.table_size = size }
    @decompressor.decode(HTTP2::Buffer.new(block))
  end

  def encode(fields, sizes)
    sizes.each { |size| @compressor.table_size = size }
    @compressor.encode(fields).to_s
  end
end

serve("ruby http-2 #{HTTP2::VERSION}", HTTP2::Error::Error) { Connection.new }
