# Adapter: protocol-hpack (Debian: ruby-protocol-hpack).
require_relative 'protocol'
codec 'protocol/hpack', 'ruby-protocol-hpack'

# Both directions of a connection, used as the gem protocol-http2 does: it gives both sides the
# setting with each block.
class Connection
  def initialize
    @decoder = Protocol::HPACK::Context.new
    @encoder = Protocol::HPACK::Context.new
    @decoder_limit = @encoder_limit = 4096
  end

  def decode(block, sizes)
    @decoder_limit = sizes.last || @decoder_limit
    Protocol::HPACK::Decompressor.new(block, @decoder, table_size_limit: @decoder_limit).decode
  end

  def encode(fields, sizes)
    @encoder_limit = sizes.last || @encoder_limit
    buffer = String.new.b
    Protocol::HPACK::Compressor.new(buffer, @encoder, table_size_limit: @encoder_limit).encode(fields)
  end
end

require 'protocol/hpack/version'
serve("ruby protocol-hpack #{Protocol::HPACK::VERSION}", Protocol::HPACK::Error) { Connection.new }
