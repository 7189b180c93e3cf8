/* OpenSSL as EDK2 calls it, for many questions one after the other on stdin: a letter, the lengths of three parts as 32-bit
 * little-endian numbers, the parts. Each is answered by '1' or '0'.
 *   a: PKCS#7, certificate, image digest: AuthenticodeVerify
 *   v: PKCS#7, certificate, signed data: Pkcs7Verify
 *   s: PKCS#7, nothing, nothing: Pkcs7GetSigners */
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const unsigned char spc[] = {0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 1, 4};

static PKCS7 *read_signed(const unsigned char *bytes, long length) {
    const unsigned char *next = bytes;
    PKCS7 *p7 = d2i_PKCS7(NULL, &next, length);
    if (p7 && !PKCS7_type_is_signed(p7)) {
        PKCS7_free(p7);
        return NULL;
    }
    return p7;
}

static int verify(PKCS7 *p7, const unsigned char *trusted, long length, const unsigned char *data, long data_length) {
    const unsigned char *next = trusted;
    X509 *certificate = d2i_X509(NULL, &next, length);
    if (!certificate) return 0;
    X509_STORE *store = X509_STORE_new();
    BIO *content = BIO_new_mem_buf(data, (int)data_length);
    X509_STORE_add_cert(store, certificate);
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME);
    X509_STORE_set_purpose(store, X509_PURPOSE_ANY);
    int holds = PKCS7_verify(p7, NULL, store, content, NULL, PKCS7_BINARY) == 1;
    BIO_free(content);
    X509_STORE_free(store);
    X509_free(certificate);
    return holds;
}

static int authenticode(PKCS7 *p7, const unsigned char **part, const uint32_t *length) {
    PKCS7 *inside = p7->d.sign->contents;
    if (OBJ_length(inside->type) != sizeof spc || memcmp(OBJ_get0_data(inside->type), spc, sizeof spc)) return 0;
    /* Detached, EDK2 would follow a null pointer. */
    if (!inside->d.other || inside->d.other->type != V_ASN1_SEQUENCE) return 0;
    const ASN1_STRING *whole = inside->d.other->value.asn1_string;
    const unsigned char *content = ASN1_STRING_get0_data(whole);
    long available = ASN1_STRING_length(whole), size, skip;
    if (!(content[1] & 0x80)) {
        size = content[1];
        skip = 2;
    } else if ((content[1] & 0x81) == 0x81) {
        size = content[2];
        skip = 3;
    } else if ((content[1] & 0x82) == 0x82) {
        size = content[2] << 8 | content[3];
        skip = 4;
    } else {
        return 0;
    }
    /* EDK2 would read past the end. */
    if (skip + size > available || size < (long)length[2]) return 0;
    if (memcmp(content + skip + size - length[2], part[2], length[2])) return 0;
    return verify(p7, part[1], length[1], content + skip, size);
}

/* EDK2 puts a ContentInfo around what has none; the lengths are of two octets, or firmware does not take it. */
static unsigned char *wrapped(const unsigned char *bytes, uint32_t *length) {
    static const unsigned char kind[] = {6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2};
    unsigned char *whole = malloc(*length + 19);
    if (*length > 17 && !memcmp(bytes + 4, kind, sizeof kind) && bytes[15] == 0xa0 && bytes[16] == 0x82) {
        memcpy(whole, bytes, *length);
        return whole;
    }
    uint32_t outer = *length + 15;
    whole[0] = 0x30;
    whole[1] = 0x82;
    whole[2] = outer >> 8;
    whole[3] = outer;
    memcpy(whole + 4, kind, sizeof kind);
    whole[15] = 0xa0;
    whole[16] = 0x82;
    whole[17] = *length >> 8;
    whole[18] = *length;
    memcpy(whole + 19, bytes, *length);
    *length += 19;
    return whole;
}

int main(void) {
    int letter;
    while ((letter = getchar()) != EOF) {
        uint32_t length[3];
        unsigned char *part[3];
        if (fread(length, 4, 3, stdin) != 3) return 3;
        for (int i = 0; i < 3; i++) {
            part[i] = malloc(length[i] + 1);
            if (fread(part[i], 1, length[i], stdin) != length[i]) return 3;
        }
        if (letter == 'v') {
            unsigned char *whole = wrapped(part[0], &length[0]);
            free(part[0]);
            part[0] = whole;
        }
        int answer = 0;
        PKCS7 *p7 = read_signed(part[0], length[0]);
        if (p7 && letter == 's') {
            STACK_OF(X509) *signers = PKCS7_get0_signers(p7, NULL, PKCS7_BINARY);
            answer = signers && sk_X509_num(signers) > 0;
            sk_X509_free(signers);
        } else if (p7 && letter == 'a') {
            answer = authenticode(p7, (const unsigned char **)part, length);
        } else if (p7 && letter == 'v') {
            answer = verify(p7, part[1], length[1], part[2], length[2]);
        }
        PKCS7_free(p7);
        ERR_clear_error();
        for (int i = 0; i < 3; i++) free(part[i]);
        putchar(answer ? '1' : '0');
        fflush(stdout);
    }
    return 0;
}
