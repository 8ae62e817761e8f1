// Adapter: OkHttp (Debian: libokhttp-java).  In OkHttp's package, whose classes are not public.
package okhttp3.internal.http2;

import adapters.Adapter;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import okio.Buffer;
import okio.ByteString;

public final class OkHttpAdapter implements Adapter.Codec {
    private final Buffer in = new Buffer();
    private final Buffer out = new Buffer();
    private final Hpack.Reader reader = new Hpack.Reader(4096, in);
    private final Hpack.Writer writer = new Hpack.Writer(out);

    public static void main(String[] arguments) throws Exception {
        Adapter.serve(OkHttpAdapter::new, error -> error instanceof IOException);
    }

    public void decoderSetting(long size) throws Exception {
        if (size != 4096) {
            throw new Adapter.Skip("the decoder takes its setting when it is made");
        }
    }

    public List<Adapter.Field> decode(byte[] block) throws Exception {
        in.write(block);
        reader.readHeaders();
        List<Adapter.Field> fields = new ArrayList<>();
        for (Header header : reader.getAndResetHeaderList()) {
            fields.add(new Adapter.Field(header.name.toByteArray(), header.value.toByteArray(), false));
        }
        return fields;
    }

    public void encoderSetting(long size) {
        writer.setHeaderTableSizeSetting((int) size);
    }

    public byte[] encode(List<Adapter.Field> fields) throws Exception {
        List<Header> headers = new ArrayList<>();
        for (Adapter.Field field : fields) {
            if (field.sensitive) {
                throw new Adapter.Skip("no sensitive fields");
            }
            headers.add(new Header(ByteString.of(field.name), ByteString.of(field.value)));
        }
        writer.writeHeaders(headers);
        return out.readByteArray();
    }
}
