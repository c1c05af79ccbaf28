/*
 * What is wrong in the envelope: XML, structure, wrapping, references, algorithms, keys,
 * header values. A row changes the text of a good message; most are then signed anew with
 * gw-a's own key by other code, so that nothing but the fault itself is left to be found.
 */
#include "support_as4.h"

#include <stdio.h>
#include <string.h>

#include "base/body.h"
#include "base/codec.h"
#include "base/mem.h"
#include "base/str.h"

#define EDITS 4
#define C14N  "http://www.w3.org/2001/10/xml-exc-c14n#"
#define DSIG  "http://www.w3.org/2000/09/xmldsig#"
#define ENC   "http://www.w3.org/2001/04/xmlenc#"
#define SWA   "http://docs.oasis-open.org/wss/oasis-wss-SwAProfile-1.1#"
#define NONE  NULL

enum after {
    RESIGN,
    LEAVE,
    RESIGN_AS_M
};

struct attack {
    const char *name;
    enum after after;
    struct {
        const char *find,
            *put; /* {M} {B} {EK} {ED1} {X} {C1} {C2} {ROOT} stand for ids */
    } edits[EDITS];
    const char *ebms; /* NULL: must be taken */
    const char *local;
};

/* clang-format off */
static struct attack attacks[] = {
    { "nothing changed", LEAVE, { { NONE, NONE } }, NONE, NONE },
    { "signed anew by other code", RESIGN, { { NONE, NONE } }, NONE, NONE },

    /* --- XML --- */
    { "DOCTYPE", LEAVE, { { "<env:Envelope ", "<!DOCTYPE x><env:Envelope " } }, "EBMS:0009", "xml.doctype" },
    { "DOCTYPE with entity", LEAVE, { { "<env:Envelope ", "<!DOCTYPE x [<!ENTITY a 'b'>]><env:Envelope " } }, "EBMS:0009", "xml.doctype" },
    { "DOCTYPE, external", LEAVE, { { "<env:Envelope ", "<!DOCTYPE x SYSTEM 'file:///etc/passwd'><env:Envelope " } }, "EBMS:0009", "xml.doctype" },
    { "UTF-16 label", LEAVE, { { "encoding=\"UTF-8\"", "encoding=\"UTF-16\"" } }, "EBMS:0009", "xml.encoding" },
    { "XML 1.1", LEAVE, { { "<?xml version=\"1.0\"", "<?xml version=\"1.1\"" } }, "EBMS:0009", "xml.version" },
    { "invalid UTF-8", LEAVE, { { "<eb:Action>", "<eb:Action>\xFF" } }, "EBMS:0009", "charset.utf8" },
    { "processing instruction", LEAVE, { { "<eb:UserMessage>", "<?x y?><eb:UserMessage>" } }, "EBMS:0009", "xml.instruction" },
    { "xml:id", LEAVE, { { "<eb:UserMessage>", "<eb:UserMessage xml:id=\"a\">" } }, "EBMS:0009", "xml.xml-id" },
    { "not well formed", LEAVE, { { "</eb:UserMessage>", "" } }, "EBMS:0009", "xml.malformed" },
    { "id twice", RESIGN, { { "<env:Body ", "<env:Body xmlns:q=\"u:q\" " }, { "<eb:UserMessage>", "<eb:UserMessage wsu:Id=\"{B}\">" } }, "EBMS:0009", "soap.id" },
    { "id of another kind twice", RESIGN, { { "<ds:KeyInfo>", "<ds:KeyInfo Id=\"{M}\">" } }, "EBMS:0009", "soap.id" },
    { "id on Messaging twice", RESIGN, { { "<eb:Messaging ", "<eb:Messaging id=\"{B}\" " } }, "EBMS:0009", "soap.id" },
    { "both ids on Messaging", RESIGN, { { "<eb:Messaging ", "<eb:Messaging id=\"{M}-x\" " } }, NONE, NONE },
    { "id that is no name", LEAVE, { { "wsu:Id=\"{M}\"", "wsu:Id=\"9{M}\"" } }, "EBMS:0009", "soap.id" },
    { "comment inside a leaf", RESIGN, { { "<eb:Action>Exch", "<eb:Action>Exch<!-- -->" } }, "EBMS:0009", "eb.header" },
    { "comment inside the MessageId", RESIGN, { { "<eb:MessageId>", "<eb:MessageId><!-- -->" } }, "EBMS:0009", "eb.header" },
    { "comment between elements", RESIGN, { { "<eb:PartyInfo>", "<!-- a --><eb:PartyInfo><!-- b -->" } }, NONE, NONE },
    { "a mark before it", LEAVE, { { "<?xml version", "\xEF\xBB\xBF<?xml version" } }, NONE, NONE },
    { "CRLF between elements", RESIGN, { { "<eb:PartyInfo>", "\r\n<eb:PartyInfo>\r\n" } }, NONE, NONE },
    { "mustUnderstand 1", RESIGN, { { "mustUnderstand=\"true\" wsu:Id=\"{M}\"", "mustUnderstand=\"1\" wsu:Id=\"{M}\"" } }, NONE, NONE },
    { "CDATA in a leaf", RESIGN, { { "<eb:Action>Exchange", "<eb:Action><![CDATA[Exchange]]>" } }, NONE, NONE },

    /* --- structure --- */
    { "two Messaging", LEAVE, { { "<wsse:Security ", "<eb:Messaging env:mustUnderstand=\"true\"/><wsse:Security " } }, "EBMS:0009", "soap.form" },
    { "two Security", RESIGN, { { "</env:Header>", "<wsse:Security/></env:Header>" } }, "EBMS:0009", "soap.form" },
    { "Security with a role", RESIGN, { { "<wsse:Security ", "<wsse:Security env:role=\"urn:x\" " } }, "EBMS:0009", "soap.form" },
    { "two Body", RESIGN, { { "</env:Header>", "</env:Header><env:Body/>" } }, "EBMS:0009", "soap.form" },
    { "further child of Envelope", RESIGN, { { "</env:Envelope>", "<x xmlns=\"u:x\"/></env:Envelope>" } }, "EBMS:0009", "soap.form" },
    { "Body with an element", RESIGN, { { "wsu:Id=\"{B}\"/>", "wsu:Id=\"{B}\"><x xmlns=\"u:x\"/></env:Body>" } }, "EBMS:0009", "soap.form" },
    { "Body with text", RESIGN, { { "wsu:Id=\"{B}\"/>", "wsu:Id=\"{B}\">x</env:Body>" } }, "EBMS:0009", "soap.form" },
    { "Body with a comment", RESIGN, { { "wsu:Id=\"{B}\"/>", "wsu:Id=\"{B}\"><!-- x --> </env:Body>" } }, NONE, NONE },
    { "Fault in a request", RESIGN, { { "wsu:Id=\"{B}\"/>", "wsu:Id=\"{B}\"><env:Fault/></env:Body>" } }, "EBMS:0009", "soap.form" },
    { "Messaging without mustUnderstand", RESIGN, { { "<eb:Messaging env:mustUnderstand=\"true\"", "<eb:Messaging" } }, "EBMS:0009", "soap.form" },
    { "unknown block", RESIGN, { { "<wsse:Security ", "<x xmlns=\"u:x\"/><wsse:Security " } }, NONE, NONE },
    { "UserMessage and SignalMessage", RESIGN, { { "</eb:UserMessage>", "</eb:UserMessage><eb:SignalMessage/>" } }, "EBMS:0009", "eb.header" },
    { "elements in another order", RESIGN, { { "<eb:Action>Exchange</eb:Action>", "" }, { "<eb:ConversationId>case-1</eb:ConversationId>", "<eb:ConversationId>case-1</eb:ConversationId><eb:Action>Exchange</eb:Action>" } }, "EBMS:0009", "eb.header" },
    { "unknown element of eb", RESIGN, { { "<eb:PartyInfo>", "<eb:Extra/><eb:PartyInfo>" } }, "EBMS:0009", "eb.header" },
    { "no ConversationId", RESIGN, { { "<eb:ConversationId>case-1</eb:ConversationId>", "" } }, "EBMS:0009", "eb.header" },
    { "empty ConversationId", RESIGN, { { "<eb:ConversationId>case-1</eb:ConversationId>", "<eb:ConversationId/>" } }, NONE, NONE },
    { "empty Action", RESIGN, { { "<eb:Action>Exchange", "<eb:Action> " } }, "EBMS:0009", "eb.header" },
    { "two PartyIds", RESIGN, { { "</eb:PartyId>", "</eb:PartyId><eb:PartyId type=\"urn:x\">second</eb:PartyId>" } }, "EBMS:0003", "eb.value" },
    { "SOAP 1.1", LEAVE, { { "xmlns:env=\"http://www.w3.org/2003/05/soap-envelope\"", "xmlns:env=\"http://schemas.xmlsoap.org/soap/envelope/\"" } }, "EBMS:0008", "soap.version" },

    /* --- wrapping --- */
    { "signed Messaging under another block, a new one in its place", LEAVE, { { "<eb:Messaging ", "<eb:Messaging env:mustUnderstand=\"true\"><eb:UserMessage/></eb:Messaging><w xmlns=\"u:w\"><eb:Messaging " }, { "</eb:Messaging><wsse", "</eb:Messaging></w><wsse" } }, "EBMS:0009", "soap.form" },
    { "signed Messaging inside the forged one", LEAVE, { { "<eb:Messaging ", "<eb:Messaging env:mustUnderstand=\"true\"><eb:Messaging " }, { "</eb:Messaging>", "</eb:Messaging></eb:Messaging>" } }, "EBMS:0009", "soap.form" },
    { "signed Body moved, a new one in its place", LEAVE, { { "<env:Body wsu:Id=\"{B}\"/>", "<env:Body/>" }, { "</env:Header>", "<w xmlns=\"u:w\"><env:Body wsu:Id=\"{B}\"/></w></env:Header>" } }, "EBMS:0101", "sec.grammar" },
    { "signed Body moved, the new one with an id", LEAVE, { { "<env:Body wsu:Id=\"{B}\"/>", "<env:Body wsu:Id=\"_b2\"/>" }, { "</env:Header>", "<w xmlns=\"u:w\"><env:Body wsu:Id=\"{B}\"/></w></env:Header>" } }, "EBMS:0101", "sec.grammar" },
    { "signature over a child of Security", RESIGN, { { "<ds:Reference URI=\"#{B}\"", "<ds:Reference URI=\"#{ED1}\"" } }, "EBMS:0101", "sec.grammar" },
    { "signature over itself", RESIGN, { { "<ds:KeyInfo>", "<ds:KeyInfo Id=\"KI\">" }, { "<ds:Reference URI=\"#{B}\"", "<ds:Reference URI=\"#KI\"" } }, "EBMS:0101", "sec.grammar" },
    { "Object with a copy", RESIGN, { { "</ds:Signature>", "<ds:Object><x xmlns=\"u:x\"/></ds:Object></ds:Signature>" } }, "EBMS:0101", NONE },
    { "Manifest", RESIGN, { { "</ds:Signature>", "<ds:Object><ds:Manifest Id=\"MA\"/></ds:Object></ds:Signature>" }, { "<ds:Reference URI=\"#{B}\"", "<ds:Reference URI=\"#MA\"" } }, "EBMS:0101", NONE },
    { "two Signatures", RESIGN, { { "</wsse:Security>", "<ds:Signature/></wsse:Security>" } }, "EBMS:0101", "sec.grammar" },
    { "a token that nobody names", RESIGN, { { "</wsse:Security>", "<wsse:BinarySecurityToken>AA==</wsse:BinarySecurityToken></wsse:Security>" } }, "EBMS:0101", "sec.grammar" },
    { "unknown child of Security", RESIGN, { { "</wsse:Security>", "<wsse:UsernameToken/></wsse:Security>" } }, "EBMS:0101", "sec.grammar" },
    { "unknown attribute in Security", RESIGN, { { "<ds:SignatureValue>", "<ds:SignatureValue x=\"1\">" } }, "EBMS:0101", "sec.grammar" },
    { "unsigned Timestamp", RESIGN, { { "</wsse:Security>", "<wsu:Timestamp><wsu:Created>2000-01-01T00:00:00Z</wsu:Created></wsu:Timestamp></wsse:Security>" } }, NONE, NONE },

    /* --- references --- */
    { "URI empty", RESIGN, { { "<ds:Reference URI=\"#{B}\"", "<ds:Reference URI=\"\"" } }, "EBMS:0101", "sec.grammar" },
    { "no URI", RESIGN, { { "<ds:Reference URI=\"#{B}\"", "<ds:Reference" } }, "EBMS:0101", "sec.grammar" },
    { "xpointer of the root", RESIGN, { { "URI=\"#{B}\"", "URI=\"#xpointer(/)\"" } }, "EBMS:0101", "sec.grammar" },
    { "xpointer of an id", RESIGN, { { "URI=\"#{B}\"", "URI=\"#xpointer(id('{B}'))\"" } }, "EBMS:0101", "sec.grammar" },
    { "quote in the fragment", RESIGN, { { "URI=\"#{B}\"", "URI=\"#{B}')|//*[('\"" } }, "EBMS:0101", "sec.grammar" },
    { "a file", RESIGN, { { "URI=\"#{B}\"", "URI=\"file:///etc/passwd\"" } }, "EBMS:0101", "sec.grammar" },
    { "an address", RESIGN, { { "URI=\"#{B}\"", "URI=\"http://127.0.0.1/\"" } }, "EBMS:0101", "sec.grammar" },
    { "the root part", RESIGN, { { "<ds:Reference URI=\"cid:{C2}\"", "<ds:Reference URI=\"cid:{ROOT}\"" } }, "EBMS:0101", "sec.grammar" },
    { "an unknown part", RESIGN, { { "<ds:Reference URI=\"cid:{C2}\"", "<ds:Reference URI=\"cid:nobody@x\"" } }, "EBMS:0101", "sec.grammar" },
    { "part with a fragment", RESIGN, { { "<ds:Reference URI=\"cid:{C2}\"", "<ds:Reference URI=\"cid:{C2}#x\"" } }, "EBMS:0101", "sec.grammar" },
    { "percent that decodes to a part", RESIGN, { { "<ds:Reference URI=\"cid:{C2}\"", "<ds:Reference URI=\"cid:{C2%}\"" } }, "EBMS:0101", "sec.grammar" },
    { "one part twice", RESIGN, { { "<ds:Reference URI=\"cid:{C2}\"", "<ds:Reference URI=\"cid:{C1}\"" } }, "EBMS:0101", "sec.grammar" },
    { "Messaging twice", RESIGN, { { "<ds:Reference URI=\"#{B}\"", "<ds:Reference URI=\"#{M}\"" } }, "EBMS:0101", "sec.grammar" },
    { "two transforms", RESIGN, { { "<ds:Transforms>", "<ds:Transforms><ds:Transform Algorithm=\"" C14N "\"/>" } }, "EBMS:0101", "sec.grammar" },
    { "no transform", RESIGN, { { "<ds:Transforms><ds:Transform Algorithm=\"" C14N "\"/></ds:Transforms>", "<ds:Transforms/>" } }, "EBMS:0101", "sec.grammar" },
    { "XSLT", RESIGN, { { "<ds:Transform Algorithm=\"" C14N "\"/>", "<ds:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xslt-19991116\"/>" } }, "EBMS:0101", "sec.grammar" },
    { "XPath", RESIGN, { { "<ds:Transform Algorithm=\"" C14N "\"/>", "<ds:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xpath-19991116\"/>" } }, "EBMS:0101", "sec.grammar" },
    { "enveloped", RESIGN, { { "<ds:Transform Algorithm=\"" C14N "\"/>", "<ds:Transform Algorithm=\"" DSIG "enveloped-signature\"/>" } }, "EBMS:0101", "sec.grammar" },
    { "base64 transform", RESIGN, { { "<ds:Transform Algorithm=\"" C14N "\"/>", "<ds:Transform Algorithm=\"" DSIG "base64\"/>" } }, "EBMS:0101", "sec.grammar" },
    { "inclusive C14N transform", RESIGN, { { "<ds:Transform Algorithm=\"" C14N "\"/>", "<ds:Transform Algorithm=\"http://www.w3.org/TR/2001/REC-xml-c14n-20010315\"/>" } }, "EBMS:0101", "sec.grammar" },
    { "attachment transform on Messaging", RESIGN, { { "<ds:Transform Algorithm=\"" C14N "\"/>", "<ds:Transform Algorithm=\"" SWA "Attachment-Content-Signature-Transform\"/>" } }, "EBMS:0101", "sec.grammar" },
    { "exc-C14N on a part", RESIGN, { { SWA "Attachment-Content-Signature-Transform", C14N } }, "EBMS:0101", "sec.grammar" },
    { "complete attachment transform", RESIGN, { { SWA "Attachment-Content-Signature-Transform", SWA "Attachment-Complete-Signature-Transform" } }, "EBMS:0101", "sec.grammar" },
    { "PrefixList honoured", RESIGN, { { "<ds:Transform Algorithm=\"" C14N "\"/>", "<ds:Transform Algorithm=\"" C14N "\"><ec:InclusiveNamespaces xmlns:ec=\"" C14N "\" PrefixList=\"env wsu\"/></ds:Transform>" } }, NONE, NONE },

    /* --- algorithms --- */
    { "SHA-1 digest", LEAVE, { { "<ds:DigestMethod Algorithm=\"" ENC "sha256\"/><ds:DigestValue", "<ds:DigestMethod Algorithm=\"" DSIG "sha1\"/><ds:DigestValue" } }, "EBMS:0103", "sec.policy" },
    { "SHA-512 digest, not agreed", RESIGN, { { "<ds:DigestMethod Algorithm=\"" ENC "sha256\"/><ds:DigestValue", "<ds:DigestMethod Algorithm=\"" ENC "sha512\"/><ds:DigestValue" } }, "EBMS:0103", "sec.policy" },
    { "RSA-SHA1", LEAVE, { { "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", DSIG "rsa-sha1" } }, "EBMS:0103", "sec.policy" },
    { "RSA-SHA384, not agreed", LEAVE, { { "xmldsig-more#rsa-sha256", "xmldsig-more#rsa-sha384" } }, "EBMS:0103", "sec.policy" },
    { "HMAC", LEAVE, { { "xmldsig-more#rsa-sha256", "xmldsig-more#hmac-sha256" } }, "EBMS:0103", "sec.policy" },
    { "ECDSA claimed for an RSA key", LEAVE, { { "xmldsig-more#rsa-sha256", "xmldsig-more#ecdsa-sha256" } }, "EBMS:0101", "pki.key-type" },
    { "inclusive C14N", RESIGN, { { "<ds:CanonicalizationMethod Algorithm=\"" C14N "\"", "<ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/TR/2001/REC-xml-c14n-20010315\"" } }, "EBMS:0103", "sec.policy" },
    { "C14N with comments", RESIGN, { { "<ds:CanonicalizationMethod Algorithm=\"" C14N "\"", "<ds:CanonicalizationMethod Algorithm=\"" C14N "WithComments\"" } }, "EBMS:0103", "sec.policy" },
    { "HMACOutputLength", RESIGN, { { "rsa-sha256\"/>", "rsa-sha256\"><ds:HMACOutputLength>8</ds:HMACOutputLength></ds:SignatureMethod>" } }, "EBMS:0101", "sec.grammar" },
    { "AES-CBC", LEAVE, { { "xmlenc11#aes128-gcm", "xmlenc#aes128-cbc" } }, "EBMS:0103", "sec.policy" },
    { "AES-256, not agreed", LEAVE, { { "xmlenc11#aes128-gcm", "xmlenc11#aes256-gcm" } }, "EBMS:0103", "sec.policy" },
    { "RSA 1.5 transport", LEAVE, { { "http://www.w3.org/2009/xmlenc11#rsa-oaep", ENC "rsa-1_5" } }, "EBMS:0103", "sec.policy" },
    { "mgf1p transport, off", LEAVE, { { "http://www.w3.org/2009/xmlenc11#rsa-oaep", ENC "rsa-oaep-mgf1p" } }, "EBMS:0103", "sec.policy" },
    { "OAEP with SHA-1", LEAVE, { { "<ds:DigestMethod Algorithm=\"" ENC "sha256\"/><xenc11:MGF", "<ds:DigestMethod Algorithm=\"" DSIG "sha1\"/><xenc11:MGF" } }, "EBMS:0103", "sec.policy" },
    { "truncated digest", LEAVE, { { "=</ds:DigestValue>", "</ds:DigestValue>" } }, "EBMS:0101", "sec.grammar" },
    { "junk in a digest", LEAVE, { { "<ds:DigestValue>", "<ds:DigestValue>*" } }, "EBMS:0101", "sec.grammar" },

    /* --- keys --- */
    { "an octet of Messaging", LEAVE, { { "<eb:ConversationId>case-1", "<eb:ConversationId>case-2" } }, "EBMS:0101", "xmlsig.digest" },
    { "an octet of SignedInfo", LEAVE, { { "<ds:Reference URI=\"#{B}\"", "<ds:Reference Id=\"x\" URI=\"#{B}\"" } }, "EBMS:0101", NONE },
    { "another partner's key, gw-a's token", RESIGN_AS_M, { { NONE, NONE } }, "EBMS:0101", NONE },
    { "another partner's key and token", RESIGN_AS_M, { { "{TA}", "{TM}" } }, "EBMS:0101", "pki.not-trusted" },
    { "an unknown token", LEAVE, { { "{TA}", "{TB}" } }, "EBMS:0101", "pki.not-trusted" },
    { "a token that is no certificate", LEAVE, { { "{TA}", "AAAA" } }, "EBMS:0101", NONE },
    { "two children in the reference", RESIGN, { { "</wsse:SecurityTokenReference></ds:KeyInfo></ds:Signature>", "<wsse:KeyIdentifier/></wsse:SecurityTokenReference></ds:KeyInfo></ds:Signature>" } }, "EBMS:0101", "sec.grammar" },
    { "KeyValue", RESIGN, { { "</wsse:SecurityTokenReference></ds:KeyInfo></ds:Signature>", "</wsse:SecurityTokenReference><ds:KeyValue/></ds:KeyInfo></ds:Signature>" } }, "EBMS:0101", "sec.grammar" },
    { "RetrievalMethod", RESIGN, { { "<wsse:SecurityTokenReference><wsse:Reference URI=\"#{X}\"", "<ds:RetrievalMethod/><wsse:SecurityTokenReference><wsse:Reference URI=\"#{X}\"" } }, "EBMS:0101", "sec.grammar" },

    /* --- policy --- */
    { "no Security", LEAVE, { { "{SECURITY}", "" } }, "EBMS:0103", "sec.policy" },
    { "no Signature", LEAVE, { { "{SIGNATURE}", "" } }, "EBMS:0103", "sec.policy" },
    { "nothing encrypted", LEAVE, { { "{ENCRYPTION}", "" } }, "EBMS:0103", "sec.policy" },

    /* --- encryption, in the envelope: one answer for all --- */
    { "EncryptedData for one part twice", LEAVE, { { "<xenc:CipherReference URI=\"cid:{C2}\"", "<xenc:CipherReference URI=\"cid:{C1}\"" } }, "EBMS:0102", "sec.encryption" },
    { "EncryptedData for the root part", LEAVE, { { "<xenc:CipherReference URI=\"cid:{C2}\"", "<xenc:CipherReference URI=\"cid:{ROOT}\"" } }, "EBMS:0102", "sec.encryption" },
    { "DataReference to nothing", LEAVE, { { "<xenc:DataReference URI=\"#{ED1}\"", "<xenc:DataReference URI=\"#nothing\"" } }, "EBMS:0102", "sec.encryption" },
    { "a part that is not encrypted", LEAVE, { { "<xenc:DataReference URI=\"#{ED1}\"/>", "" }, { "{DATA1}", "" } }, "EBMS:0102", "sec.encryption" },
    { "Attachment-Complete", LEAVE, { { SWA "Attachment-Content-Only", SWA "Attachment-Complete" } }, "EBMS:0102", "sec.encryption" },
    { "CipherValue for a part", LEAVE, { { "<xenc:CipherReference URI=\"cid:{C1}\"><xenc:Transforms><ds:Transform Algorithm=\"" SWA "Attachment-Ciphertext-Transform\"/></xenc:Transforms></xenc:CipherReference>", "<xenc:CipherValue>AAAA</xenc:CipherValue>" } }, "EBMS:0102", "sec.encryption" },
    { "two EncryptedKeys", LEAVE, { { "<xenc:EncryptedKey ", "<xenc:EncryptedKey/><xenc:EncryptedKey " } }, "EBMS:0102", "sec.encryption" },
    { "EncryptedData under another key", LEAVE, { { "<wsse:Reference URI=\"#{EK}\"", "<wsse:Reference URI=\"#{ED1}\"" } }, "EBMS:0102", "sec.encryption" },
    { "a label for the key", LEAVE, { { "<xenc11:MGF", "<xenc:OAEPparams>AAAA</xenc:OAEPparams><xenc11:MGF" } }, "EBMS:0102", "sec.encryption" },

    /* --- header values --- */
    { "PartyId without type, no URI", RESIGN, { { "<eb:PartyId type=\"urn:oasis:names:tc:ebcore:partyid-type:unregistered\">gw-a", "<eb:PartyId>gw-a" } }, "EBMS:0003", "eb.value" },
    { "Service without type, no URI", RESIGN, { { "<eb:Service type=\"urn:trm:service\">urn:trm:referral", "<eb:Service>referral" } }, "EBMS:0003", "eb.value" },
    { "not addressed to us", RESIGN, { { ">gw-b</eb:PartyId>", ">gw-x</eb:PartyId>" } }, "EBMS:0010", "as4.no-pmode" },
    { "another action", RESIGN, { { "<eb:Action>Exchange", "<eb:Action>Other" } }, "EBMS:0010", "as4.no-pmode" },
    { "another role", RESIGN, { { "/initiator</eb:Role>", "/responder</eb:Role>" } }, "EBMS:0010", "as4.no-pmode" },
    { "another agreement", RESIGN, { { "agreement:1<", "agreement:2<" } }, "EBMS:0010", "as4.no-pmode" },
    { "another channel", RESIGN, { { "<eb:UserMessage>", "<eb:UserMessage mpc=\"urn:other\">" } }, "EBMS:0010", "as4.no-pmode" },
    { "the default channel by name", RESIGN, { { "<eb:UserMessage>", "<eb:UserMessage mpc=\"http://docs.oasis-open.org/ebxml-msg/ebms/v3.0/ns/core/200704/defaultMPC\">" } }, NONE, NONE },
    { "no finalRecipient", RESIGN, { { "name=\"finalRecipient\"", "name=\"other\"" } }, "EBMS:0003", "eb.value" },
    { "originalSender twice", RESIGN, { { "name=\"finalRecipient\"", "name=\"originalSender\"" } }, "EBMS:0003", "eb.value" },
    { "Property without name", RESIGN, { { " name=\"originalSender\"", "" } }, "EBMS:0009", "eb.header" },
    { "RefToMessageId on a one-way message", RESIGN, { { "</eb:MessageId>", "</eb:MessageId><eb:RefToMessageId>x@y</eb:RefToMessageId>" } }, NONE, NONE },
    { "MessageId without @", RESIGN, { { "@gw-a.example</eb:MessageId>", "</eb:MessageId>" } }, "EBMS:0009", "eb.header" },
    { "MessageId with a blank", RESIGN, { { "<eb:MessageId>", "<eb:MessageId>a b" } }, "EBMS:0009", "eb.header" },
    { "blanks around the MessageId", RESIGN, { { "<eb:MessageId>", "<eb:MessageId>\n  " } }, NONE, NONE },
    { "Timestamp is none", RESIGN, { { "<eb:Timestamp>2026", "<eb:Timestamp>x026" } }, "EBMS:0009", "eb.header" },
    { "Timestamp without a zone", RESIGN, { { "Z</eb:Timestamp>", "</eb:Timestamp>" } }, "EBMS:0009", "eb.header" },
    { "Timestamp with an offset", RESIGN, { { "Z</eb:Timestamp>", "+00:00</eb:Timestamp>" } }, NONE, NONE },
    { "Timestamp of last year", RESIGN, { { "<eb:Timestamp>2026", "<eb:Timestamp>2025" } }, "EBMS:0003", "eb.value" },
    { "Timestamp of next year", RESIGN, { { "<eb:Timestamp>2026", "<eb:Timestamp>2027" } }, "EBMS:0003", "eb.value" },

    /* --- part info --- */
    { "href without part", RESIGN, { { "<eb:PartInfo href=\"cid:{C2}\"", "<eb:PartInfo href=\"cid:nobody@x\"" } }, "EBMS:0011", "eb.payload" },
    { "href differing in case", RESIGN, { { "<eb:PartInfo href=\"cid:{C2}\"", "<eb:PartInfo href=\"cid:{C2U}\"" } }, "EBMS:0011", "eb.payload" },
    { "href of the root part", RESIGN, { { "<eb:PartInfo href=\"cid:{C2}\"", "<eb:PartInfo href=\"cid:{ROOT}\"" } }, "EBMS:0011", "eb.payload" },
    { "href to an address", RESIGN, { { "<eb:PartInfo href=\"cid:{C2}\"", "<eb:PartInfo href=\"http://127.0.0.1/\"" } }, "EBMS:0011", "eb.payload" },
    { "no href", RESIGN, { { "<eb:PartInfo href=\"cid:{C2}\"", "<eb:PartInfo" } }, "EBMS:0003", "eb.value" },
    { "href with percent", RESIGN, { { "<eb:PartInfo href=\"cid:{C2}\"", "<eb:PartInfo href=\"cid:{C2%}\"" } }, NONE, NONE },
    { "one part named twice", RESIGN, { { "<eb:PartInfo href=\"cid:{C2}\"", "<eb:PartInfo href=\"cid:{C1}\"" } }, "EBMS:0007", "mime.part-twice" },
    { "a part that is not named", RESIGN, { { "{INFO2}", "" } }, "EBMS:0007", "mime.stray-part" },
    { "compressed without MimeType", RESIGN, { { "name=\"MimeType\"", "name=\"Mime\"" } }, "EBMS:0003", "eb.value" },
    { "MimeType twice", RESIGN, { { "name=\"CharacterSet\"", "name=\"MimeType\"" } }, "EBMS:0003", "eb.value" },
    { "unknown CharacterSet", RESIGN, { { ">UTF-8</eb:Property>", ">no-such</eb:Property>" } }, "EBMS:0003", "eb.value" },
    { "CompressionType zip", RESIGN, { { "name=\"CompressionType\">application/gzip", "name=\"CompressionType\">application/zip" } }, "EBMS:0303", "gzip.type" },
    { "CompressionType of a part that is not", RESIGN, { { "<eb:Property name=\"MimeType\">image/png</eb:Property>", "<eb:Property name=\"MimeType\">image/png</eb:Property><eb:Property name=\"CompressionType\">application/gzip</eb:Property>" } }, "EBMS:0303", "gzip.not-gzip" },
    { "empty PartProperties", RESIGN, { { "<eb:Property name=\"MimeType\">image/png</eb:Property>", "" } }, "EBMS:0009", "eb.header" },
};
/* clang-format on */

/* --- names for what differs from message to message ------------------------------------------- */

struct words {
    char *names[24], *values[24];
    size_t count;
};

static void word(struct words *w, const char *name, char *value)
{
    w->names[w->count] = mem_strdup(name);
    w->values[w->count++] = value;
}

/* From the first `from` to the next `to`; with both ends when `whole`. */
static char *between(const char *text, const char *from, const char *to, bool whole)
{
    const char *start = strstr(text, from);
    const char *end = start == NULL ? NULL : strstr(start + strlen(from), to);

    if (end == NULL)
        fail_msg("the message has no %s", from);
    if (whole)
        return mem_strndup(start, (size_t)(end - start) + strlen(to));
    start += strlen(from);
    return mem_strndup(start, (size_t)(end - start));
}

static char *token_of(enum who who)
{
    struct str der = cert_der(gateways[who].certs[KEY_SIGN_2048]);
    AUTO(buf_free) struct buf text = BUF_INIT(65536);

    base64_add(&text, der.ptr, der.len);
    return buf_detach(&text);
}

/* The recipient's token, EncryptedKey and all EncryptedData. */
static char *encryption_in(const char *text)
{
    const char *from = strstr(text, "<wsse:BinarySecurityToken");
    const char *to = strstr(from, "</xenc:EncryptedData><wsse:");

    return mem_strndup(from, (size_t)(to - from) + strlen("</xenc:EncryptedData>"));
}

static void learn(struct words *w, const struct letter *l)
{
    struct str envelope = envelope_in(&l->wire);
    AUTO(mem_free) char *text = mem_strndup(envelope.ptr, envelope.len);
    const char *c2 = l->package->parts[1].content_id;
    char *upper = mem_strdup(c2);

    for (char *p = upper; *p != '@'; p++)
        *p = *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p;
    word(w, "{M}", between(text, "mustUnderstand=\"true\" wsu:Id=\"", "\"", false));
    word(w, "{B}", between(text, "<env:Body wsu:Id=\"", "\"", false));
    word(w, "{EK}", between(text, "<xenc:EncryptedKey Id=\"", "\"", false));
    word(w, "{ED1}", between(text, "<xenc:EncryptedData Id=\"", "\"", false));
    word(w, "{X}",
         between(strstr(text, "</ds:SignedInfo>"), "<wsse:Reference URI=\"#", "\"",
                 false));
    word(w, "{C1}", mem_strdup(l->package->parts[0].content_id));
    word(w, "{C2}", mem_strdup(c2));
    word(w, "{C2%}", mem_printf("%%%02x%s", (unsigned)c2[0], c2 + 1));
    word(w, "{C2U}", upper);
    word(w, "{ROOT}", mem_strdup(l->package->root_id));
    word(w, "{TA}", token_of(GW_A));
    word(w, "{TM}", token_of(GW_M));
    word(w, "{TB}", token_of(GW_B));
    word(w, "{SECURITY}", between(text, "<wsse:Security ", "</wsse:Security>", true));
    word(w, "{SIGNATURE}", between(text, "<ds:Signature>", "</ds:Signature>", true));
    word(w, "{ENCRYPTION}", encryption_in(text));
    word(w, "{DATA1}",
         between(text, "<xenc:EncryptedData ", "</xenc:EncryptedData>", true));
    word(w, "{INFO2}",
         mem_printf("<eb:PartInfo href=\"cid:%s\">%s", c2,
                    strstr(text, c2) + strlen(c2) + 2));
    *strstr(w->values[w->count - 1], "</eb:PayloadInfo>") = '\0';
}

static void forget(struct words *w)
{
    for (size_t i = 0; i < w->count; i++) {
        mem_free(&w->names[i]);
        mem_free(&w->values[i]);
    }
}

static char *spell(const struct words *w, const char *text)
{
    AUTO(buf_free) struct buf out = BUF_INIT(1u << 20);

    buf_adds(&out, text);
    for (size_t i = 0; i < w->count; i++) {
        while (strstr(out.data, w->names[i]) != NULL)
            assert_true(edit(&out, w->names[i], w->values[i]));
    }
    return buf_detach(&out);
}

/* --- a row ------------------------------------------------------------------------------------- */

static void apply(const struct attack *row, struct letter *l)
{
    struct words w = { 0 };

    learn(&w, l);
    for (size_t i = 0; i < EDITS && row->edits[i].find != NULL; i++) {
        AUTO(mem_free) char *find = spell(&w, row->edits[i].find);
        AUTO(mem_free) char *put = spell(&w, row->edits[i].put);

        if (!edit(&l->wire, find, put))
            fail_msg("the message has no %s", find);
    }
    forget(&w);
    if (row->after == RESIGN)
        resign(&l->wire, gateways[GW_A].keys[KEY_SIGN_2048]);
    if (row->after == RESIGN_AS_M)
        resign(&l->wire, gateways[GW_M].keys[KEY_SIGN_2048]);
}

static void judge(const struct attack *row, const struct as4_inbound *in)
{
    const struct as4_refusal *refusal = &in->refusal;

    if (row->ebms == NULL) {
        if (in->verdict != AS4_TAKEN)
            fail_msg("%s: %s", refusal->local.code, refusal->local.text);
        return;
    }
    assert_int_equal(in->verdict, AS4_REFUSED);
    assert_null(in->message);
    if (strcmp(as4_fault(refusal->code)->code, row->ebms) != 0)
        fail_msg("%s for %s: %s", as4_fault(refusal->code)->code, refusal->local.code,
                 refusal->local.text);
    if (row->local != NULL)
        assert_string_equal(refusal->local.code, row->local);
    assert_null(refusal->detail);
}

static void test_attack(void **state)
{
    const struct attack *row = *state;
    struct receiver r;
    struct letter l;
    struct as4_inbound in;

    letter_init(&l);
    letter_two_parts(&l);
    letter_pack(&l);
    apply(row, &l);
    receiver_init(&r, GW_B);
    receive_letter(&r, &l, &in);
    judge(row, &in);
    as4_inbound_free(&in);
    receiver_free(&r);
    letter_free(&l);
}

int main(void)
{
    struct CMUnitTest tests[COUNT_OF(attacks)];

    for (size_t i = 0; i < COUNT_OF(attacks); i++)
        tests[i] = (struct CMUnitTest){ .name = attacks[i].name,
                                        .test_func = test_attack,
                                        .initial_state = &attacks[i] };
    return cmocka_run_group_tests(tests, as4_setup, as4_teardown);
}
