// Adapter: Netty (Debian: libnetty-java).  In Netty's package, whose classes are not public.
package io.netty.handler.codec.http2;

import adapters.Adapter;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.util.AsciiString;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

public final class NettyAdapter implements Adapter.Codec {
    private final HpackDecoder decoder = new HpackDecoder(Integer.MAX_VALUE);
    private final HpackEncoder encoder = new HpackEncoder(true);
    private final ByteBuf updates = Unpooled.buffer();

    public static void main(String[] arguments) throws Exception {
        // DefaultHttp2HeadersDecoder, which calls this decoder, makes COMPRESSION_ERROR of the latter too.
        Adapter.serve(
            NettyAdapter::new,
            error -> error instanceof Http2Exception || error instanceof IllegalArgumentException);
    }

    public void decoderSetting(long size) throws Exception {
        decoder.setMaxHeaderTableSize(size);
    }

    public List<Adapter.Field> decode(byte[] block) throws Exception {
        List<Adapter.Field> fields = new ArrayList<>();
        // Not validating: names are not HPACK's business.  Its own headers put pseudo fields first.
        Http2Headers headers = new DefaultHttp2Headers(false) {
            @Override
            public Http2Headers add(CharSequence name, CharSequence value) {
                fields.add(new Adapter.Field(name, value));
                return this;
            }
        };
        decoder.decode(1, Unpooled.wrappedBuffer(block), headers, false);
        return fields;
    }

    public void encoderSetting(long size) throws Exception {
        encoder.setMaxHeaderTableSize(updates, size);
    }

    public byte[] encode(List<Adapter.Field> fields) throws Exception {
        Http2Headers headers = new DefaultHttp2Headers(false);
        Set<String> sensitive = new HashSet<>();
        for (Adapter.Field field : fields) {
            headers.add(new AsciiString(field.name), new AsciiString(field.value));
            if (field.sensitive) {
                sensitive.add(Adapter.text(field.name));
            }
        }
        encoder.encodeHeaders(1, updates, headers, (name, value) -> sensitive.contains(name.toString()));
        byte[] block = new byte[updates.readableBytes()];
        updates.readBytes(block).clear();
        return block;
    }
}
