import java.io.ByteArrayInputStream;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.Security;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.ECGenParameterSpec;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.operator.ContentSigner;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;

/** Where keys are made, and who signs with them: Java itself, or a token. */
final class Keys {
    private final String kind;
    final Provider token; // null: Java itself
    private final KeyStore store;

    Keys(String kind, Provider token, KeyStore store) {
        this.kind = kind;
        this.token = token;
        this.store = store;
    }

    static Keys onToken(String kind, String module, char[] pin) throws Exception {
        Provider token = Security.getProvider("SunPKCS11").configure("--name=medium\nlibrary=" + module + "\n");
        KeyStore store = KeyStore.getInstance("PKCS11", token);
        store.load(null, pin);
        return new Keys(kind, token, store);
    }

    KeyPair generate() throws Exception {
        String name = kind.startsWith("rsa") ? "RSA" : "EC";
        KeyPairGenerator made =
            token == null ? KeyPairGenerator.getInstance(name) : KeyPairGenerator.getInstance(name, token);
        if (name.equals("RSA")) {
            made.initialize(Integer.parseInt(kind.substring(3)));
        } else {
            made.initialize(new ECGenParameterSpec(kind.equals("p384") ? "secp384r1" : "secp256r1"));
        }
        return made.generateKeyPair();
    }

    ContentSigner signer(PrivateKey key) throws Exception {
        String digest = kind.equals("p384") ? "SHA384" : "SHA256";
        String scheme = digest + (kind.startsWith("rsa") ? "withRSA" : "withECDSA");
        JcaContentSignerBuilder made = new JcaContentSignerBuilder(scheme);
        return (token == null ? made : made.setProvider(token)).build(key);
    }

    /** On a token, the key beside its certificate, and from then on as the token gives it out. */
    Held keep(KeyPair pair, X509CertificateHolder holder) throws Exception {
        if (store == null) {
            return new Held(pair.getPrivate(), holder);
        }
        String alias = holder.getSerialNumber().toString(16);
        Certificate certificate = CertificateFactory.getInstance("X.509")
            .generateCertificate(new ByteArrayInputStream(holder.getEncoded()));
        store.setKeyEntry(alias, pair.getPrivate(), null, new Certificate[] {certificate});
        return new Held((PrivateKey) store.getKey(alias, null), holder);
    }

    /** A key and its certificate. */
    static final class Held {
        final PrivateKey key;
        final X509CertificateHolder holder;

        Held(PrivateKey key, X509CertificateHolder holder) {
            this.key = key;
            this.holder = holder;
        }
    }
}
