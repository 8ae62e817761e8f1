// Adapter: Apache HttpComponents Core 5 (Debian: libhttpcore5-java).
package org.apache.hc.core5.http2.hpack;

import adapters.Adapter;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.hc.core5.http.Header;
import org.apache.hc.core5.http.message.BasicHeader;
import org.apache.hc.core5.util.ByteArrayBuffer;

public final class HttpCoreAdapter implements Adapter.Codec {
    private final HPackDecoder decoder = new HPackDecoder(StandardCharsets.ISO_8859_1);
    private final HPackEncoder encoder = new HPackEncoder(StandardCharsets.ISO_8859_1);

    private HttpCoreAdapter() {
        decoder.setMaxTableSize(4096);
        encoder.setMaxTableSize(4096);
    }

    public static void main(String[] arguments) throws Exception {
        Adapter.serve(HttpCoreAdapter::new, error -> error instanceof HPackException);
    }

    public void decoderSetting(long size) {
        decoder.setMaxTableSize((int) size);
    }

    public List<Adapter.Field> decode(byte[] block) throws Exception {
        List<Adapter.Field> fields = new ArrayList<>();
        for (Header header : decoder.decodeHeaders(ByteBuffer.wrap(block))) {
            fields.add(new Adapter.Field(header.getName(), header.getValue()));
        }
        return fields;
    }

    public void encoderSetting(long size) {
        encoder.setMaxTableSize((int) size);
    }

    public byte[] encode(List<Adapter.Field> fields) throws Exception {
        List<Header> headers = new ArrayList<>();
        for (Adapter.Field field : fields) {
            headers.add(new BasicHeader(Adapter.text(field.name), Adapter.text(field.value), field.sensitive));
        }
        ByteArrayBuffer block = new ByteArrayBuffer(256);
        encoder.encodeHeaders(block, headers, false);
        return block.toByteArray();
    }
}
