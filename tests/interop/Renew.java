// A CMP client of BouncyCastle's (RFC 9483): acquires, renews, revokes, and checks what protects each answer by itself.
//
//     java -cp … Renew URL ROOT-FILE REFERENCE MAC KIND [MODULE] < LINES
//
// MAC is pbm or pbmac1; KIND rsa2048, p256 or p384. The first line of standard input is the secret; with MODULE, a
// PKCS#11 library, the second one is a PIN, and both keys are made on that token. One line on standard output for each
// answer; a failure is one on standard error, and exit code 2.

import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.InputStreamReader;
import java.math.BigInteger;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.KeyPair;
import java.security.KeyStore;
import java.security.SecureRandom;
import java.security.Security;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.Date;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.bouncycastle.asn1.ASN1Encodable;
import org.bouncycastle.asn1.ASN1Integer;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.DERNull;
import org.bouncycastle.asn1.DEROctetString;
import org.bouncycastle.asn1.cmp.CMPCertificate;
import org.bouncycastle.asn1.cmp.CertRepMessage;
import org.bouncycastle.asn1.cmp.CertResponse;
import org.bouncycastle.asn1.cmp.ErrorMsgContent;
import org.bouncycastle.asn1.cmp.PKIBody;
import org.bouncycastle.asn1.cmp.PKIHeader;
import org.bouncycastle.asn1.cmp.RevDetails;
import org.bouncycastle.asn1.cmp.RevRepContent;
import org.bouncycastle.asn1.cmp.RevReqContent;
import org.bouncycastle.asn1.crmf.CertId;
import org.bouncycastle.asn1.crmf.CertReqMessages;
import org.bouncycastle.asn1.crmf.CertTemplateBuilder;
import org.bouncycastle.asn1.pkcs.PBKDF2Params;
import org.bouncycastle.asn1.pkcs.PBMAC1Params;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.asn1.x509.CRLReason;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.Extensions;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.SubjectKeyIdentifier;
import org.bouncycastle.asn1.x509.SubjectPublicKeyInfo;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.cmp.CertificateConfirmationContentBuilder;
import org.bouncycastle.cert.cmp.GeneralPKIMessage;
import org.bouncycastle.cert.cmp.ProtectedPKIMessage;
import org.bouncycastle.cert.cmp.ProtectedPKIMessageBuilder;
import org.bouncycastle.cert.crmf.CertificateRequestMessageBuilder;
import org.bouncycastle.cert.crmf.Control;
import org.bouncycastle.cert.crmf.PKMACBuilder;
import org.bouncycastle.cert.crmf.jcajce.JcePKMACValuesCalculator;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.operator.ContentVerifierProvider;
import org.bouncycastle.operator.PBEMacCalculatorProvider;
import org.bouncycastle.operator.jcajce.JcaContentVerifierProviderBuilder;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;

public final class Renew {
    private static final SecureRandom RANDOM = new SecureRandom();
    private static final ASN1ObjectIdentifier OLD_CERT_ID = new ASN1ObjectIdentifier("1.3.6.1.5.5.7.5.1.5");
    private static final int IR = PKIBody.TYPE_INIT_REQ;
    private static final int KUR = PKIBody.TYPE_KEY_UPDATE_REQ;

    private final URI address;
    private final HttpClient http;
    private final X509Certificate root;
    private final Keys keys;

    private Renew(URI address, X509Certificate root, Keys keys) throws Exception {
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        trusted.setCertificateEntry("root", root);
        TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        managers.init(trusted);
        SSLContext tls = SSLContext.getInstance("TLS");
        tls.init(null, managers.getTrustManagers(), RANDOM);
        this.address = address;
        this.http = HttpClient.newBuilder().sslContext(tls).build();
        this.root = root;
        this.keys = keys;
    }

    public static void main(String[] arguments) {
        try {
            Security.addProvider(new BouncyCastleProvider());
            BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            char[] secret = input.readLine().toCharArray();
            X509Certificate root;
            try (FileInputStream file = new FileInputStream(arguments[1])) {
                root = (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(file);
            }
            Keys keys = arguments.length > 5
                ? Keys.onToken(arguments[4], arguments[5], input.readLine().toCharArray())
                : new Keys(arguments[4], null, null);
            Renew client = new Renew(URI.create(arguments[0]), root, keys);
            client.run(new Shared(arguments[2], secret, arguments[3].equals("pbmac1")));
        } catch (Exception failure) {
            System.err.println("ERROR: " + failure);
            System.exit(2); // and not a return: SunPKCS11's threads would be waited for
        }
        System.exit(0);
    }

    private void run(Shared shared) throws Exception {
        Keys.Held first = enrol(IR, shared, new X500Name("CN=One"));
        Keys.Held second = enrol(KUR, new Signing(first), first.holder.getSubject());
        revoke(new Signing(second), second.holder);
    }

    private Keys.Held enrol(int kind, Credential by, X500Name subject) throws Exception {
        KeyPair pair = keys.generate();
        CertificateRequestMessageBuilder asked = new CertificateRequestMessageBuilder(BigInteger.ZERO)
            .setSubject(subject)
            .setPublicKey(SubjectPublicKeyInfo.getInstance(pair.getPublic().getEncoded()))
            .setProofOfPossessionSigningKeySigner(keys.signer(pair.getPrivate()));
        if (by instanceof Signing) {
            asked.addControl(new OldCertificate(((Signing) by).held.holder));
        }
        Talk talk = new Talk(by);
        PKIBody answer = talk.ask(new PKIBody(kind, new CertReqMessages(asked.build().toASN1Structure())), kind + 1);
        CertResponse response = CertRepMessage.getInstance(answer.getContent()).getResponse()[0];
        int status = response.getStatus().getStatus().intValue();
        if (response.getCertifiedKeyPair() == null) {
            throw new IllegalStateException("refused: " + response.getStatus().getStatusString().getStringAtUTF8(0));
        }
        CMPCertificate told = response.getCertifiedKeyPair().getCertOrEncCert().getCertificate();
        X509CertificateHolder holder = new X509CertificateHolder(told.getX509v3PKCert());
        if (!Arrays.equals(holder.getSubjectPublicKeyInfo().getEncoded(), pair.getPublic().getEncoded())) {
            throw new IllegalStateException("a certificate of another key");
        }
        talk.checkChain(holder);
        say(kind == IR ? "ip" : "kup", status, holder);
        talk.ask(new PKIBody(PKIBody.TYPE_CERT_CONFIRM, new CertificateConfirmationContentBuilder()
            .addAcceptedCertificate(holder, BigInteger.ZERO)
            .build(new JcaDigestCalculatorProviderBuilder().build()).toASN1Structure()), PKIBody.TYPE_CONFIRM);
        say("pkiconf", 0, holder);
        return keys.keep(pair, holder);
    }

    private void revoke(Credential by, X509CertificateHolder holder) throws Exception {
        Extension reason = new Extension(
            Extension.reasonCode, false, new DEROctetString(CRLReason.lookup(CRLReason.cessationOfOperation)));
        RevDetails details = new RevDetails(
            new CertTemplateBuilder().setIssuer(holder.getIssuer())
                .setSerialNumber(new ASN1Integer(holder.getSerialNumber())).build(),
            new Extensions(reason));
        PKIBody asked = new PKIBody(PKIBody.TYPE_REVOCATION_REQ, new RevReqContent(details));
        PKIBody answer = new Talk(by).ask(asked, PKIBody.TYPE_REVOCATION_REP);
        int status = RevRepContent.getInstance(answer.getContent()).getStatus()[0].getStatus().intValue();
        say("rp", status, holder);
    }

    private static void say(String what, int status, X509CertificateHolder holder) {
        System.out.println(what + " " + status + " " + holder.getSerialNumber().toString(16));
    }

    /** One transaction: its number, and the nonces that follow one another. */
    private final class Talk {
        private final Credential by;
        private final byte[] transaction = fresh();
        private byte[] received;
        private X509CertificateHolder[] extra = {};

        Talk(Credential by) {
            this.by = by;
        }

        PKIBody ask(PKIBody body, int expected) throws Exception {
            byte[] nonce = fresh();
            ProtectedPKIMessageBuilder asked = new ProtectedPKIMessageBuilder(
                new GeneralName(by.sender()), new GeneralName(new X500Name("CN=CA")));
            asked.setTransactionID(transaction).setSenderNonce(nonce).setMessageTime(new Date()).setBody(body);
            asked.setSenderKID(by.keyIdentifier());
            if (received != null) {
                asked.setRecipNonce(received);
            }
            ProtectedPKIMessage told = new ProtectedPKIMessage(new GeneralPKIMessage(post(by.protect(asked))));
            PKIHeader header = told.getHeader();
            if (told.getBody().getType() == PKIBody.TYPE_ERROR) {
                throw new IllegalStateException("error: " + ErrorMsgContent
                    .getInstance(told.getBody().getContent()).getPKIStatusInfo().getStatusString().getStringAtUTF8(0));
            }
            extra = told.getCertificates();
            by.check(told, root);
            require(told.getBody().getType() == expected, "the kind of the answer");
            require(Arrays.equals(header.getTransactionID().getOctets(), transaction), "transactionID");
            require(Arrays.equals(header.getRecipNonce().getOctets(), nonce), "recipNonce");
            received = header.getSenderNonce().getOctets();
            return told.getBody();
        }

        private byte[] post(ProtectedPKIMessage message) throws Exception {
            HttpRequest request = HttpRequest.newBuilder(address).header("Content-Type", "application/pkixcmp")
                .POST(HttpRequest.BodyPublishers.ofByteArray(message.toASN1Structure().getEncoded("DER"))).build();
            HttpResponse<byte[]> answer = http.send(request, HttpResponse.BodyHandlers.ofByteArray());
            require(answer.statusCode() == 200, "HTTP " + answer.statusCode());
            require(answer.headers().firstValue("Content-Type").orElse("").equals("application/pkixcmp"), "its type");
            return answer.body();
        }

        /** By what came with it: the issuing CA, which the root has signed. */
        void checkChain(X509CertificateHolder leaf) throws Exception {
            for (X509CertificateHolder one : extra) {
                if (one.getSubject().equals(leaf.getIssuer())) {
                    require(one.isSignatureValid(verifier(root)), "the issuing CA's signature");
                    require(leaf.isSignatureValid(verifier(one)), "the certificate's signature");
                    return;
                }
            }
            throw new IllegalStateException("the issuing CA did not come with it");
        }
    }

    private interface Credential {
        X500Name sender();

        byte[] keyIdentifier();

        ProtectedPKIMessage protect(ProtectedPKIMessageBuilder message) throws Exception;

        void check(ProtectedPKIMessage answer, X509Certificate root) throws Exception;
    }

    /** A reference and its secret. */
    private static final class Shared implements Credential {
        private final String reference;
        private final char[] secret;
        private final boolean pbmac1;

        Shared(String reference, char[] secret, boolean pbmac1) {
            this.reference = reference;
            this.secret = secret;
            this.pbmac1 = pbmac1;
        }

        @Override public X500Name sender() {
            return new X500Name("CN=" + reference);
        }

        @Override public byte[] keyIdentifier() {
            return reference.getBytes(StandardCharsets.US_ASCII);
        }

        @Override public ProtectedPKIMessage protect(ProtectedPKIMessageBuilder message) throws Exception {
            if (!pbmac1) {
                return message.build(new PKMACBuilder(new JcePKMACValuesCalculator()).build(secret));
            }
            AlgorithmIdentifier sha256 =
                new AlgorithmIdentifier(PKCSObjectIdentifiers.id_hmacWithSHA256, DERNull.INSTANCE);
            AlgorithmIdentifier derive = new AlgorithmIdentifier(
                PKCSObjectIdentifiers.id_PBKDF2, new PBKDF2Params(fresh(), 2000, 32, sha256));
            return message.build(new Pbmac1(new PBMAC1Params(derive, sha256), secret));
        }

        @Override public void check(ProtectedPKIMessage answer, X509Certificate root) throws Exception {
            String algorithm = answer.getHeader().getProtectionAlg().getAlgorithm().getId();
            require(pbmac1 == algorithm.equals(PKCSObjectIdentifiers.id_PBMAC1.getId()), "the kind of MAC");
            PBEMacCalculatorProvider macs = pbmac1
                ? (said, password) -> new Pbmac1(PBMAC1Params.getInstance(said.getParameters()), password)
                : new PKMACBuilder(new JcePKMACValuesCalculator());
            require(pbmac1 || answer.hasPasswordBasedMacProtection(), "a MAC");
            require(answer.verify(macs, secret), "the MAC");
        }
    }

    /** A key and its certificate. The answer is signed by a certificate whose chain comes with it. */
    private final class Signing implements Credential {
        private final Keys.Held held;

        Signing(Keys.Held held) {
            this.held = held;
        }

        @Override public X500Name sender() {
            return held.holder.getSubject();
        }

        @Override public byte[] keyIdentifier() {
            return SubjectKeyIdentifier.fromExtensions(held.holder.getExtensions()).getKeyIdentifier();
        }

        @Override public ProtectedPKIMessage protect(ProtectedPKIMessageBuilder message) throws Exception {
            return message.addCMPCertificate(held.holder).build(keys.signer(held.key));
        }

        @Override public void check(ProtectedPKIMessage answer, X509Certificate root) throws Exception {
            X509CertificateHolder[] chain = answer.getCertificates();
            require(chain[1].isSignatureValid(verifier(root)), "the issuing CA's signature");
            require(chain[0].isSignatureValid(verifier(chain[1])), "the signer's signature");
            require(answer.getHeader().getSender().getName().equals(chain[0].getSubject()), "the sender");
            require(answer.verify(verifier(chain[0])), "the signature");
        }
    }

    private static final class OldCertificate implements Control {
        private final CertId named;

        OldCertificate(X509CertificateHolder old) {
            this.named = new CertId(new GeneralName(old.getIssuer()), old.getSerialNumber());
        }

        @Override public ASN1ObjectIdentifier getType() {
            return OLD_CERT_ID;
        }

        @Override public ASN1Encodable getValue() {
            return named;
        }
    }

    private static ContentVerifierProvider verifier(X509Certificate by) throws Exception {
        return new JcaContentVerifierProviderBuilder().build(by);
    }

    private static ContentVerifierProvider verifier(X509CertificateHolder by) throws Exception {
        return new JcaContentVerifierProviderBuilder().build(by);
    }

    static void require(boolean holds, String what) {
        if (!holds) {
            throw new IllegalStateException("wrong: " + what);
        }
    }

    private static byte[] fresh() {
        byte[] made = new byte[16];
        RANDOM.nextBytes(made);
        return made;
    }
}
