/*
 * ns.h - namespace and algorithm URIs of the AS4 envelope.
 */
#ifndef AS4_NS_H
#define AS4_NS_H

#include "as4/pmode.h"

#define NS_ENV   "http://www.w3.org/2003/05/soap-envelope"
#define NS_ENV11 "http://schemas.xmlsoap.org/soap/envelope/"
#define NS_EB    EB_NS
#define NS_EBBP  "http://docs.oasis-open.org/ebxml-bp/ebbp-signals-2.0"
#define NS_WSSE \
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
#define NS_WSU \
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
#define NS_WSSE11 "http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd"
#define NS_DS     "http://www.w3.org/2000/09/xmldsig#"
#define NS_XENC   "http://www.w3.org/2001/04/xmlenc#"
#define NS_XENC11 "http://www.w3.org/2009/xmlenc11#"
#define NS_EXC    "http://www.w3.org/2001/10/xml-exc-c14n#"
#define NS_XML    "http://www.w3.org/XML/1998/namespace"

#define VT \
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#"
#define VT_X509V3  VT "X509v3"
#define VT_PKIPATH VT "X509PKIPathv1"
#define VT_SKI     VT "X509SubjectKeyIdentifier"
#define WSS11      "http://docs.oasis-open.org/wss/oasis-wss-soap-message-security-1.1#"
#define VT_THUMB   WSS11 "ThumbprintSHA1"
#define TT_ENCKEY  WSS11 "EncryptedKey"
#define ENC_BASE64 \
    "http://docs.oasis-open.org/wss/2004/01/" \
    "oasis-200401-wss-soap-message-security-1.0#Base64Binary"
#define SWA        "http://docs.oasis-open.org/wss/oasis-wss-SwAProfile-1.1#"
#define SWA_SIGN   SWA "Attachment-Content-Signature-Transform"
#define SWA_CIPHER SWA "Attachment-Ciphertext-Transform"
#define SWA_ONLY   SWA "Attachment-Content-Only"
#define ALG_EXC    NS_EXC
#define ALG_MGF256 "http://www.w3.org/2009/xmlenc11#mgf1sha256"

#endif
