import java.io.ByteArrayInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.CertPathValidator;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertificateFactory;
import java.security.cert.PKIXParameters;
import java.security.cert.PKIXRevocationChecker;
import java.security.cert.PKIXRevocationChecker.Option;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/** ISSUING CERTIFICATE …: the JDK asks where each certificate says, by OCSP and then by CRL, and prints what it believes. */
public final class Checked {
    private static X509Certificate certificate(String file) throws Exception {
        byte[] data = Files.readAllBytes(Path.of(file));
        return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(data));
    }

    private static String judged(X509Certificate issuing, X509Certificate leaf, boolean byList) throws Exception {
        CertPathValidator validator = CertPathValidator.getInstance("PKIX");
        PKIXRevocationChecker checker = (PKIXRevocationChecker) validator.getRevocationChecker();
        EnumSet<Option> options = EnumSet.of(Option.ONLY_END_ENTITY, Option.NO_FALLBACK);
        if (byList) {
            options.add(Option.PREFER_CRLS);
        }
        checker.setOptions(options);
        PKIXParameters parameters = new PKIXParameters(Set.of(new TrustAnchor(issuing, null)));
        parameters.addCertPathChecker(checker);
        try {
            validator.validate(CertificateFactory.getInstance("X.509").generateCertPath(List.of(leaf)), parameters);
            return "valid";
        } catch (CertPathValidatorException refused) {
            return refused.getReason().toString();
        }
    }

    public static void main(String[] arguments) throws Exception {
        X509Certificate issuing = certificate(arguments[0]);
        for (String file : List.of(arguments).subList(1, arguments.length)) {
            X509Certificate leaf = certificate(file);
            System.out.println(judged(issuing, leaf, false) + " " + judged(issuing, leaf, true));
        }
    }
}
