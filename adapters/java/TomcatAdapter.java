// Adapter: Tomcat (Debian: libtomcat10-java).  In Tomcat's package, whose classes are not public.
package org.apache.coyote.http2;

import adapters.Adapter;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.apache.tomcat.util.http.MimeHeaders;

public final class TomcatAdapter implements Adapter.Codec {
    private final HpackDecoder decoder = new HpackDecoder();
    private final HpackEncoder encoder = new HpackEncoder();

    public static void main(String[] arguments) throws Exception {
        Adapter.serve(TomcatAdapter::new, error -> error instanceof HpackException);
    }

    public void decoderSetting(long size) throws Exception {
        if (size != 4096) {
            throw new Adapter.Skip("the decoder takes its setting when it is made");
        }
    }

    public List<Adapter.Field> decode(byte[] block) throws Exception {
        List<Adapter.Field> fields = new ArrayList<>();
        decoder.setHeaderEmitter(new HpackDecoder.HeaderEmitter() {
            public void emitHeader(String name, String value) {
                fields.add(new Adapter.Field(name, value));
            }

            public void setHeaderException(StreamException exception) {
            }

            public void validateHeaders() {
            }
        });
        decoder.setMaxHeaderCount(-1);
        decoder.setMaxHeaderSize(1 << 30);
        ByteBuffer octets = ByteBuffer.wrap(block);
        decoder.decode(octets);
        if (octets.hasRemaining()) {
            // What a connection answers with COMPRESSION_ERROR.
            throw new HpackException("the block ends inside a representation");
        }
        return fields;
    }

    public void encoderSetting(long size) {
        encoder.setMaxTableSize((int) size);
    }

    public byte[] encode(List<Adapter.Field> fields) throws Exception {
        MimeHeaders headers = new MimeHeaders();
        for (Adapter.Field field : fields) {
            if (field.sensitive) {
                throw new Adapter.Skip("no sensitive fields");
            }
            headers.addValue(Adapter.text(field.name)).setString(Adapter.text(field.value));
        }
        ByteBuffer block = ByteBuffer.allocate(1 << 20);
        encoder.encode(headers, block);
        byte[] octets = new byte[block.position()];
        block.flip().get(octets);
        return octets;
    }
}
