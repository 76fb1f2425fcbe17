import java.io.ByteArrayInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.CertPath;
import java.security.cert.CertPathValidator;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertificateFactory;
import java.security.cert.PKIXParameters;
import java.security.cert.PKIXRevocationChecker;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.util.Date;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.bouncycastle.asn1.DEROctetString;
import org.bouncycastle.asn1.ocsp.OCSPObjectIdentifiers;
import org.bouncycastle.asn1.oiw.OIWObjectIdentifiers;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.Extensions;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.ocsp.BasicOCSPResp;
import org.bouncycastle.cert.ocsp.CertificateID;
import org.bouncycastle.cert.ocsp.OCSPReqBuilder;
import org.bouncycastle.cert.ocsp.OCSPResp;
import org.bouncycastle.cert.ocsp.RevokedStatus;
import org.bouncycastle.cert.ocsp.SingleResp;
import org.bouncycastle.cert.ocsp.UnknownStatus;
import org.bouncycastle.operator.DigestCalculatorProvider;
import org.bouncycastle.operator.jcajce.JcaContentVerifierProviderBuilder;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;

/**
 * Two more readers of OCSP, in a folder with root.pem, issuing.pem and 0.pem, 1.pem, 2.pem.
 *
 * ask REQUEST          BouncyCastle asks about the three, with a nonce
 * judge ANSWER SECONDS BouncyCastle checks the answer's signature and prints each standing; then the JDK validates each
 *                      path at that moment, with this answer as its only source
 */
public final class Status {
    private static X509Certificate certificate(String name) throws Exception {
        byte[] data = Files.readAllBytes(Path.of(name + ".pem"));
        return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(data));
    }

    private static void ask(Path file) throws Exception {
        DigestCalculatorProvider digests = new JcaDigestCalculatorProviderBuilder().build();
        X509CertificateHolder issuer = new X509CertificateHolder(certificate("issuing").getEncoded());
        OCSPReqBuilder asked = new OCSPReqBuilder();
        for (int number = 0; number < 3; number++) {
            var sha1 = digests.get(new AlgorithmIdentifier(OIWObjectIdentifiers.idSHA1));
            asked.addRequest(new CertificateID(sha1, issuer, certificate("" + number).getSerialNumber()));
        }
        byte[] nonce = new DEROctetString(new byte[32]).getEncoded();
        asked.setRequestExtensions(new Extensions(
            new Extension(OCSPObjectIdentifiers.id_pkix_ocsp_nonce, false, nonce)));
        Files.write(file, asked.build().getEncoded());
    }

    private static void read(Path file) throws Exception {
        BasicOCSPResp read = (BasicOCSPResp) new OCSPResp(Files.readAllBytes(file)).getResponseObject();
        boolean signed = read.isSignatureValid(new JcaContentVerifierProviderBuilder().build(read.getCerts()[0]));
        System.out.println("signature " + signed);
        for (SingleResp one : read.getResponses()) {
            Object standing = one.getCertStatus();
            String word = standing == null ? "good" : standing instanceof UnknownStatus ? "unknown" : "revoked";
            if (standing instanceof RevokedStatus revoked && revoked.hasRevocationReason()) {
                word += " " + revoked.getRevocationReason();
            }
            System.out.println(word);
        }
    }

    private static void validate(long seconds, String customer, Path file) throws Exception {
        X509Certificate issuing = certificate("issuing"), leaf = certificate(customer);
        CertPathValidator validator = CertPathValidator.getInstance("PKIX");
        PKIXRevocationChecker checker = (PKIXRevocationChecker) validator.getRevocationChecker();
        checker.setOptions(EnumSet.of(PKIXRevocationChecker.Option.ONLY_END_ENTITY, PKIXRevocationChecker.Option.NO_FALLBACK));
        checker.setOcspResponses(Map.of(leaf, Files.readAllBytes(file)));
        PKIXParameters parameters = new PKIXParameters(Set.of(new TrustAnchor(issuing, null)));
        parameters.addCertPathChecker(checker);
        parameters.setDate(new Date(seconds * 1000));
        CertPath path = CertificateFactory.getInstance("X.509").generateCertPath(List.of(leaf));
        try {
            validator.validate(path, parameters);
            System.out.println("valid");
        } catch (CertPathValidatorException refused) {
            System.out.println(refused.getReason());
        }
    }

    public static void main(String[] arguments) throws Exception {
        switch (arguments[0]) {
            case "ask" -> ask(Path.of(arguments[1]));
            case "judge" -> {
                read(Path.of(arguments[1]));
                for (String customer : List.of("0", "1", "2")) {
                    validate(Long.parseLong(arguments[2]), customer, Path.of(arguments[1]));
                }
            }
            default -> throw new IllegalArgumentException(arguments[0]);
        }
    }
}
