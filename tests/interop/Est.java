// An EST client of BouncyCastle's (RFC 7030): asks for the CA's certificates and what a request may be of, enrols by
// HTTP Basic, and enrols again over TLS with what it got.
//
//     java -cp … Est HOST:PORT BANK ROOT-FILE NAME KIND [MODULE] < LINES
//
// KIND is rsa2048, p256 or p384. The first line of standard input is the password; with MODULE, a PKCS#11 library, the
// second one is a PIN, and both keys are made on that token. One line on standard output for each answer; a failure is
// one on standard error, with what the server said, and exit code 2.

import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.FileInputStream;
import java.io.InputStreamReader;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.KeyPair;
import java.security.Principal;
import java.security.PrivateKey;
import java.security.Security;
import java.security.cert.CertificateFactory;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.util.Collections;
import java.util.TreeSet;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.X509ExtendedKeyManager;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.est.ESTAuth;
import org.bouncycastle.est.ESTException;
import org.bouncycastle.est.ESTService;
import org.bouncycastle.est.EnrollmentResponse;
import org.bouncycastle.est.jcajce.JcaHttpAuthBuilder;
import org.bouncycastle.est.jcajce.JcaJceUtils;
import org.bouncycastle.est.jcajce.JsseESTServiceBuilder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.pkcs.PKCS10CertificationRequest;
import org.bouncycastle.pkcs.jcajce.JcaPKCS10CertificationRequestBuilder;

public final class Est {
    private final String server;
    private final String bank;
    private final X509Certificate root;
    private final Keys keys;

    private Est(String server, String bank, X509Certificate root, Keys keys) {
        this.server = server;
        this.bank = bank;
        this.root = root;
        this.keys = keys;
    }

    public static void main(String[] arguments) {
        try {
            Security.addProvider(new BouncyCastleProvider());
            BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            char[] password = input.readLine().toCharArray();
            X509Certificate root;
            try (FileInputStream file = new FileInputStream(arguments[2])) {
                root = read(file.readAllBytes());
            }
            Keys keys = new Keys(arguments[4], null, null);
            if (arguments.length > 5) {
                keys = Keys.onToken(arguments[4], arguments[5], input.readLine().toCharArray());
                Security.addProvider(keys.token); // TLS looks for whoever can sign with a key
            }
            ESTAuth proof = new JcaHttpAuthBuilder(null, arguments[3], password).build();
            new Est(arguments[0], arguments[1], root, keys).run(proof);
        } catch (ESTException failure) {
            System.err.println("ERROR: " + failure.getMessage() + said(failure));
            System.exit(2);
        } catch (Exception failure) {
            System.err.println("ERROR: " + failure);
            System.exit(2); // and not a return: SunPKCS11's threads would be waited for
        }
        System.exit(0);
    }

    private void run(ESTAuth proof) throws Exception {
        ESTService anybody = service();
        System.out.println("cacerts " + ESTService.storeToArray(anybody.getCACerts().getCertificateStore()).length);
        TreeSet<String> asked = new TreeSet<>();
        for (ASN1ObjectIdentifier one : anybody.getCSRAttributes().getAttributesResponse().getRequirements()) {
            asked.add(one.getId());
        }
        System.out.println("csrattrs " + String.join(" ", asked));
        Keys.Held first = enrol(anybody, false, new X500Name("CN=anybody"), proof);
        enrol(service(new Held(first)), true, first.holder.getSubject(), null);
    }

    private ESTService service(KeyManager... by) throws Exception {
        JsseESTServiceBuilder made = new JsseESTServiceBuilder(server, JcaJceUtils.getCertPathTrustManager(
            Collections.singleton(new TrustAnchor(root, null)), null)[0]);
        return made.withKeyManagers(by).withTimeout(30_000).withLabel(bank).build();
    }

    private Keys.Held enrol(ESTService at, boolean again, X500Name subject, ESTAuth proof) throws Exception {
        KeyPair pair = keys.generate();
        PKCS10CertificationRequest asked =
            new JcaPKCS10CertificationRequestBuilder(subject, pair.getPublic()).build(keys.signer(pair.getPrivate()));
        EnrollmentResponse answer = at.simpleEnroll(again, asked, proof);
        if (!answer.isCompleted()) {
            throw new IllegalStateException("not yet");
        }
        X509CertificateHolder[] told = ESTService.storeToArray(answer.getStore());
        if (told.length != 1 || !told[0].getSubjectPublicKeyInfo().equals(asked.getSubjectPublicKeyInfo())) {
            throw new IllegalStateException("not the certificate of this key alone");
        }
        System.out.println((again ? "simplereenroll " : "simpleenroll ") + told[0].getSerialNumber().toString(16));
        return keys.keep(pair, told[0]);
    }

    private static String said(ESTException failure) {
        try {
            return " " + new String(failure.getBody().readAllBytes(), StandardCharsets.UTF_8);
        } catch (Exception nothing) {
            return "";
        }
    }

    private static X509Certificate read(byte[] data) throws Exception {
        return (X509Certificate) CertificateFactory.getInstance("X.509")
            .generateCertificate(new ByteArrayInputStream(data));
    }

    /** Who it is in TLS: that key and its certificate, whoever asks. */
    private static final class Held extends X509ExtendedKeyManager {
        private final PrivateKey key;
        private final X509Certificate certificate;

        Held(Keys.Held held) throws Exception {
            this.key = held.key;
            this.certificate = read(held.holder.getEncoded());
        }

        @Override
        public String chooseClientAlias(String[] kinds, Principal[] issuers, Socket socket) {
            return "held";
        }

        @Override
        public String chooseEngineClientAlias(String[] kinds, Principal[] issuers, SSLEngine engine) {
            return "held";
        }

        @Override
        public PrivateKey getPrivateKey(String alias) {
            return key;
        }

        @Override
        public X509Certificate[] getCertificateChain(String alias) {
            return new X509Certificate[] {certificate};
        }

        @Override
        public String[] getClientAliases(String kind, Principal[] issuers) {
            return new String[] {"held"};
        }

        @Override
        public String[] getServerAliases(String kind, Principal[] issuers) {
            return null;
        }

        @Override
        public String chooseServerAlias(String kind, Principal[] issuers, Socket socket) {
            return null;
        }
    }
}
