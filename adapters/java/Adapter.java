// The co-process protocol of hpack-conformance, for adapters in Java: see protocol.py.  The lines
// are compact, so that patterns find what is in them.
package adapters;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

public final class Adapter {
    /** Both directions of a connection. */
    public interface Codec {
        void decoderSetting(long size) throws Exception;

        List<Field> decode(byte[] block) throws Exception;

        void encoderSetting(long size) throws Exception;

        byte[] encode(List<Field> fields) throws Exception;
    }

    public static final class Field {
        public final byte[] name;
        public final byte[] value;
        public final boolean sensitive;

        public Field(byte[] name, byte[] value, boolean sensitive) {
            this.name = name;
            this.value = value;
            this.sensitive = sensitive;
        }

        public Field(CharSequence name, CharSequence value) {
            this(latin1(name), latin1(value), false);
        }
    }

    /** The codec has no function for what is asked. */
    public static final class Skip extends Exception {
        public Skip(String reason) {
            super(reason);
        }
    }

    private static final Pattern SIZES = Pattern.compile("^\\{\"header_table_sizes\":\\[([\\d,]*)\\]");
    private static final Pattern WIRE = Pattern.compile("\"wire\":\"([0-9a-f]*)\"");
    private static final Pattern PAIR = Pattern.compile("\\[\"([0-9a-f]*)\",\"([0-9a-f]*)\"\\]");
    private static final Pattern SENSITIVE = Pattern.compile("\"sensitive\":\\[([\\d,]*)\\]");

    private Adapter() {
    }

    public static byte[] latin1(CharSequence text) {
        return text.toString().getBytes(StandardCharsets.ISO_8859_1);
    }

    public static String text(byte[] octets) {
        return new String(octets, StandardCharsets.ISO_8859_1);
    }

    public static void serve(Supplier<Codec> connection, Predicate<Throwable> isRefusal) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(new java.io.FileOutputStream(java.io.FileDescriptor.out), true, "UTF-8");
        Codec codec = connection.get();
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            if (line.contains("\"reset\"")) {
                codec = connection.get();
                continue;
            }
            String answer;
            try {
                answer = answer(codec, line);
            } catch (Skip skip) {
                answer = "{\"skip\":" + quoted(skip.getMessage()) + "}";
            } catch (Throwable error) {
                answer = "{\"" + (isRefusal.test(error) ? "error" : "crash") + "\":" + quoted(error.toString()) + "}";
            }
            out.println(answer);
        }
    }

    private static String answer(Codec codec, String line) throws Exception {
        Matcher wire = WIRE.matcher(line);
        boolean decoding = wire.find();
        for (int size : numbers(SIZES, line)) {
            if (decoding) {
                codec.decoderSetting(size);
            } else {
                codec.encoderSetting(size);
            }
        }
        if (!decoding) {
            return "{\"wire\":\"" + hex(codec.encode(fields(line))) + "\"}";
        }
        StringBuilder answer = new StringBuilder("{\"fields\":[");
        for (Field field : codec.decode(octets(wire.group(1)))) {
            answer.append(answer.length() > 11 ? "," : "");
            answer.append("[\"").append(hex(field.name)).append("\",\"").append(hex(field.value)).append("\"]");
        }
        return answer.append("]}").toString();
    }

    private static List<Field> fields(String line) {
        Set<Integer> sensitive = new HashSet<>(numbers(SENSITIVE, line));
        List<Field> fields = new ArrayList<>();
        Matcher pair = PAIR.matcher(line);
        while (pair.find()) {
            fields.add(new Field(octets(pair.group(1)), octets(pair.group(2)), sensitive.contains(fields.size())));
        }
        return fields;
    }

    private static List<Integer> numbers(Pattern pattern, String line) {
        List<Integer> numbers = new ArrayList<>();
        Matcher found = pattern.matcher(line);
        if (found.find() && !found.group(1).isEmpty()) {
            for (String number : found.group(1).split(",")) {
                numbers.add((int) Long.parseLong(number));
            }
        }
        return numbers;
    }

    private static byte[] octets(String digits) {
        byte[] octets = new byte[digits.length() / 2];
        for (int i = 0; i < octets.length; i++) {
            octets[i] = (byte) Integer.parseInt(digits.substring(2 * i, 2 * i + 2), 16);
        }
        return octets;
    }

    private static String hex(byte[] octets) {
        StringBuilder digits = new StringBuilder();
        for (byte octet : octets) {
            digits.append(Character.forDigit(octet >> 4 & 15, 16)).append(Character.forDigit(octet & 15, 16));
        }
        return digits.toString();
    }

    private static String quoted(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        for (char c : String.valueOf(text).toCharArray()) {
            if (c < ' ' || c == '"' || c == '\\' || c > '~') {
                quoted.append(String.format("\\u%04x", (int) c));
            } else {
                quoted.append(c);
            }
        }
        return quoted.append('"').toString();
    }
}
