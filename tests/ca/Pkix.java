import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Provider;
import java.security.Security;
import java.security.cert.CertPathBuilder;
import java.security.cert.CertStore;
import java.security.cert.CertificateFactory;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXBuilderParameters;
import java.security.cert.PKIXCertPathBuilderResult;
import java.security.cert.TrustAnchor;
import java.security.cert.X509CertSelector;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.bouncycastle.jce.provider.BouncyCastleProvider;

/** A line a question: trust anchor, leaf, policy, certificates to go through. Answers how long the path is, or why not. */
final class Pkix {
    public static void main(String[] arguments) throws Exception {
        Provider[] providers = {Security.getProvider("SUN"), new BouncyCastleProvider()};
        for (String question : new String(System.in.readAllBytes()).split("\n")) {
            for (Provider provider : providers) {
                System.out.println(answer(question.split("\t"), provider));
            }
        }
    }

    static String answer(String[] words, Provider provider) throws Exception {
        X509CertSelector leaf = new X509CertSelector();
        leaf.setCertificate(read(words[1]));
        PKIXBuilderParameters asked =
            new PKIXBuilderParameters(Set.of(new TrustAnchor(read(words[0]), null)), leaf);
        List<X509Certificate> between = new ArrayList<>(List.of(read(words[1])));
        for (int at = 3; at < words.length; at++) {
            between.add(read(words[at]));
        }
        asked.addCertStore(CertStore.getInstance("Collection", new CollectionCertStoreParameters(between)));
        asked.setRevocationEnabled(false);
        asked.setExplicitPolicyRequired(true);
        asked.setInitialPolicies(Set.of(words[2]));
        try {
            PKIXCertPathBuilderResult found =
                (PKIXCertPathBuilderResult) CertPathBuilder.getInstance("PKIX", provider).build(asked);
            return String.valueOf(found.getCertPath().getCertificates().size());
        } catch (java.security.cert.CertPathBuilderException none) {
            return "no path";
        }
    }

    static X509Certificate read(String file) throws Exception {
        try (InputStream stream = Files.newInputStream(Path.of(file))) {
            return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(stream);
        }
    }
}
