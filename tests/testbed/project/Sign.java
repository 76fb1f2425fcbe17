// A Java program of somebody else's, as a medium meets it: what is on it, and does its first key sign?
//
//     java Sign.java MODULE [TIMES [PAUSE]] < FILE-WITH-PIN       PAUSE in milliseconds
//
// One line per alias, then one per signature, each made with the key and checked with its certificate. A failure is one
// line on standard error, "ERROR: CKR_PIN_INCORRECT" for example, and exit code 2; nothing is tried twice.

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.Security;
import java.security.Signature;
import java.security.cert.X509Certificate;
import java.util.Collections;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

public final class Sign {
    private static final Pattern CODE = Pattern.compile("CKR_[A-Z0-9_]+");
    private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    private static final PrintStream ERR = new PrintStream(System.err, true, StandardCharsets.UTF_8);

    public static void main(String[] arguments) {
        if (arguments.length < 1 || arguments.length > 3) {
            ERR.println("usage: java Sign.java MODULE [TIMES [PAUSE]] < FILE-WITH-PIN");
            System.exit(1);
        }
        try {
            int times = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 1;
            int pause = arguments.length > 2 ? Integer.parseInt(arguments[2]) : 0;
            run(arguments[0], times, pause);
        } catch (Exception failure) {
            ERR.println("ERROR: " + reason(failure));
            System.exit(2); // and not a return: SunPKCS11's threads would be waited for
        }
        System.exit(0);
    }

    private static void run(String module, int times, int pause) throws Exception {
        Provider provider = Security.getProvider("SunPKCS11").configure("--name=medium\nlibrary=" + module + "\n");
        if (provider.getService("KeyStore", "PKCS11") == null) {
            throw new IllegalStateException("no medium is plugged in");
        }
        KeyStore store = KeyStore.getInstance("PKCS11", provider);
        store.load(null, pin());
        String first = null;
        for (String alias : Collections.list(store.aliases())) {
            boolean key = store.isKeyEntry(alias);
            X509Certificate certificate = (X509Certificate) store.getCertificate(alias);
            OUT.println((key ? "key " : "certificate ") + text(alias) + ", " + certificate.getSubjectX500Principal());
            first = first == null && key ? alias : first;
        }
        if (first == null) {
            throw new IllegalStateException("no key with a certificate");
        }
        PrivateKey key = (PrivateKey) store.getKey(first, null);
        PublicKey publicKey = store.getCertificate(first).getPublicKey();
        for (int done = 0; done < times; done++) {
            if (done > 0) {
                Thread.sleep(pause);
            }
            signAndVerify(provider, key, publicKey);
            OUT.println("signed and verified " + text(first));
        }
    }

    private static void signAndVerify(Provider provider, PrivateKey key, PublicKey publicKey) throws Exception {
        String scheme = key.getAlgorithm().equals("RSA") ? "SHA256withRSA" : "SHA256withECDSA";
        byte[] nonce = new byte[32];
        new SecureRandom().nextBytes(nonce);
        Signature signing = Signature.getInstance(scheme, provider);
        signing.initSign(key);
        signing.update(nonce);
        byte[] signature = signing.sign();
        Signature checking = Signature.getInstance(scheme); // Java's own, not the medium's
        checking.initVerify(publicKey);
        checking.update(nonce);
        if (!checking.verify(signature)) {
            throw new IllegalStateException("the signature does not hold");
        }
    }

    private static char[] pin() throws Exception {
        String line = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8)).readLine();
        if (line == null || line.isEmpty()) {
            throw new IllegalArgumentException("no PIN on standard input");
        }
        return line.toCharArray();
    }

    /** SunPKCS11 reads a label as Latin-1; PKCS#11 says UTF-8. */
    private static String text(String label) {
        if (label.chars().anyMatch(c -> c > 255)) {
            return label;
        }
        try {
            ByteBuffer bytes = ByteBuffer.wrap(label.getBytes(StandardCharsets.ISO_8859_1));
            return StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
        } catch (CharacterCodingException latin) {
            return label;
        }
    }

    /** The PKCS#11 code among the causes, or what the last of them says. */
    private static String reason(Throwable failure) {
        Throwable last = failure;
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            Matcher code = CODE.matcher(String.valueOf(cause.getMessage()));
            if (code.find()) {
                return code.group();
            }
            last = cause;
        }
        return last.getMessage() == null ? last.getClass().getName() : last.getMessage().lines().findFirst().orElse("");
    }
}
