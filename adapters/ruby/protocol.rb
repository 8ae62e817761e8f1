# The co-process protocol of hpack-conformance, for adapters in Ruby: see protocol.py.
require 'json'

# Raise this where the codec has no function for what is asked.
class Skip < StandardError
end

def octets(digits)
  [digits].pack('H*')
end

# A connection has decode(block, sizes) and encode(fields, sizes).
def serve(version, refusal, &connection)
  return puts version if ARGV == ['--version']

  $stdout.sync = true
  codec = connection.call
  $stdin.each_line do |line|
    request = JSON.parse(line)
    if request['reset']
      codec = connection.call
      next
    end
    sizes = request['header_table_sizes'] || []
    begin
      if request['wire']
        fields = codec.decode(octets(request['wire']), sizes)
        answer = { fields: fields.map { |pair| pair.map { |text| text.unpack1('H*') } } }
      else
        raise Skip, 'no sensitive fields' if request['sensitive']

        fields = request['fields'].map { |pair| pair.map { |digits| octets(digits) } }
        answer = { wire: codec.encode(fields, sizes).unpack1('H*') }
      end
    rescue Skip => e
      answer = { skip: e.message }
    rescue refusal => e
      answer = { error: "#{e.class}: #{e.message}" }
    rescue StandardError => e
      answer = { crash: "#{e.class}: #{e.message}" }
    end
    puts JSON.generate(answer)
  end
end

# The library, or exit code 77: it is not installed.
def codec(name, package)
  require name
rescue LoadError
  warn "apt-get install #{package}"
  exit 77
end
