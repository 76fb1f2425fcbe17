import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.security.GeneralSecurityException;
import javax.crypto.Mac;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;
import javax.crypto.spec.SecretKeySpec;
import org.bouncycastle.asn1.pkcs.PBKDF2Params;
import org.bouncycastle.asn1.pkcs.PBMAC1Params;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.operator.GenericKey;
import org.bouncycastle.operator.MacCalculator;

/** PBMAC1 (RFC 8018, 7.1) by hand: BouncyCastle 1.72's own writes another OID for the key derivation. */
final class Pbmac1 implements MacCalculator {
    private final PBMAC1Params said;
    private final byte[] key;
    private final ByteArrayOutputStream data = new ByteArrayOutputStream();

    Pbmac1(PBMAC1Params said, char[] secret) {
        try {
            PBKDF2Params derive = PBKDF2Params.getInstance(said.getKeyDerivationFunc().getParameters());
            Renew.require(said.getKeyDerivationFunc().getAlgorithm().equals(PKCSObjectIdentifiers.id_PBKDF2), "PBKDF2");
            Renew.require(derive.getPrf().getAlgorithm().equals(PKCSObjectIdentifiers.id_hmacWithSHA256), "its prf");
            int bits = 8 * derive.getKeyLength().intValueExact();
            int count = derive.getIterationCount().intValueExact();
            PBEKeySpec spec = new PBEKeySpec(secret, derive.getSalt(), count, bits);
            this.key = SecretKeyFactory.getInstance("PBKDF2WithHmacSHA256").generateSecret(spec).getEncoded();
            this.said = said;
        } catch (GeneralSecurityException failure) {
            throw new IllegalStateException(failure);
        }
    }

    @Override public AlgorithmIdentifier getAlgorithmIdentifier() {
        return new AlgorithmIdentifier(PKCSObjectIdentifiers.id_PBMAC1, said);
    }

    @Override public OutputStream getOutputStream() {
        return data;
    }

    @Override public GenericKey getKey() {
        return new GenericKey(getAlgorithmIdentifier(), key);
    }

    @Override public byte[] getMac() {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(key, "HmacSHA256"));
            return mac.doFinal(data.toByteArray());
        } catch (GeneralSecurityException failure) {
            throw new IllegalStateException(failure);
        }
    }
}
