#include "resolver/dns/rdata_check.h"

#include "resolver/dns/name.h"
#include "resolver/dns/types.h"

namespace cenote {
namespace {

// What may follow the fields of a type. True: it was read to its end.
using Rest = bool (*)(ByteReader& reader) noexcept;

bool nothing(ByteReader& /*reader*/) noexcept {
  return true;
}

bool anything(ByteReader& reader) noexcept {
  reader.skip(reader.remaining());
  return true;
}

bool something(ByteReader& reader) noexcept {
  return reader.remaining() > 0 && anything(reader);
}

bool skip_string(ByteReader& reader) noexcept {
  reader.skip(reader.u8());
  return reader.ok();
}

bool skip_filled_string(ByteReader& reader) noexcept {
  const uint8_t length = reader.u8();
  reader.skip(length);
  return length > 0;
}

// A name as it must be sent: no pointer in it, at most 255 bytes.
bool skip_plain_name(ByteReader& reader) noexcept {
  const size_t start = reader.offset();
  while (reader.ok() && reader.offset() - start < kMaxNameBytes) {
    const uint8_t length = reader.u8();
    if (length == 0) {
      return reader.ok();
    }
    if (length > kMaxLabelBytes) {
      return false;
    }
    reader.skip(length);
  }
  return false;
}

bool strings(ByteReader& reader) noexcept {  // at least one: RFC 1035 section 3.3.14
  do {
    skip_string(reader);
  } while (reader.remaining() > 0);
  return true;
}

bool perhaps_a_string(ByteReader& reader) noexcept {  // ISDN, RFC 1183 section 3.2
  return reader.remaining() == 0 || skip_string(reader);
}

bool plain_names(ByteReader& reader) noexcept {
  while (reader.remaining() > 0) {
    if (!skip_plain_name(reader)) {
      return false;
    }
  }
  return true;
}

// RFC 4034 section 4.1.2: windows in their order, each with 1 to 32 bytes.
bool perhaps_bitmaps(ByteReader& reader) noexcept {
  constexpr uint8_t kMostBytes = 32;
  int last = -1;
  while (reader.remaining() > 0) {
    const int window = reader.u8();
    const uint8_t length = reader.u8();
    if (window <= last || length == 0 || length > kMostBytes) {
      return false;
    }
    reader.skip(length);
    last = window;
  }
  return true;
}

// A name that is there has types, the NSEC's own among them.
bool bitmaps(ByteReader& reader) noexcept {
  return reader.remaining() > 0 && perhaps_bitmaps(reader);
}

// RFC 5155 section 3.2: the hashed owner. A name between others has no types.
bool hash_and_bitmaps(ByteReader& reader) noexcept {
  return skip_filled_string(reader) && perhaps_bitmaps(reader);
}

// `expected`: bytes, 0: an algorithm that we do not know.
bool skip_digest(ByteReader& reader, size_t expected) noexcept {
  return (expected == 0 || reader.remaining() == expected) && something(reader);
}

bool ds_digest(ByteReader& reader) noexcept {  // IANA "DS RR Type Digest Algorithms"
  switch (reader.u8()) {
    case 1:  // SHA-1
      return skip_digest(reader, 20);
    case 2:  // SHA-256
    case 3:  // GOST R 34.11-94
      return skip_digest(reader, 32);
    case 4:  // SHA-384
      return skip_digest(reader, 48);
    default:
      return skip_digest(reader, 0);
  }
}

bool ssh_fingerprint(ByteReader& reader) noexcept {  // RFC 4255 section 3.1.2, RFC 6594 section 3.2
  const uint8_t type = reader.u8();
  return skip_digest(reader, type == 1 ? 20 : type == 2 ? 32 : 0);
}

bool certificate_association(ByteReader& reader) noexcept {  // RFC 6698 section 2.1.3
  const uint8_t matching = reader.u8();
  return skip_digest(reader, matching == 1 ? 32 : matching == 2 ? 64 : 0);
}

bool zone_digest(ByteReader& reader) noexcept {  // RFC 8976 section 2.2
  constexpr size_t kLeast = 12;
  const uint8_t algorithm = reader.u8();
  return reader.remaining() >= kLeast && skip_digest(reader, algorithm == 1 ? 48 : algorithm == 2 ? 64 : 0);
}

bool is_letter_or_digit(uint8_t byte) noexcept {
  return (lower(byte) >= 'a' && lower(byte) <= 'z') || (byte >= '0' && byte <= '9');
}

bool property(ByteReader& reader) noexcept {  // CAA, RFC 8659 section 4.1
  const Bytes tag = reader.bytes(reader.u8());
  for (const uint8_t byte : tag) {
    if (!is_letter_or_digit(byte)) {
      return false;
    }
  }
  return !tag.empty() && anything(reader);
}

bool location(ByteReader& reader) noexcept {  // RFC 1876 section 2
  if (reader.u8() != 0) {
    return anything(reader);  // a version that we do not know
  }
  for (const uint8_t size : reader.bytes(3)) {  // mantissa and exponent, a decimal digit each
    if (size >> 4 > 9 || (size & 15) > 9) {
      return false;
    }
  }
  reader.skip(12);
  return true;
}

// RFC 4025 section 2.5, RFC 8777 section 4.2.4. A type that we do not know takes all that is left.
bool skip_gateway(ByteReader& reader, unsigned type) noexcept {
  switch (type) {
    case 0:
      return true;
    case 1:
      reader.skip(4);
      return true;
    case 2:
      reader.skip(16);
      return true;
    case 3:
      return skip_plain_name(reader);
    default:
      return anything(reader);
  }
}

bool ipsec_key(ByteReader& reader) noexcept {
  const uint8_t type = reader.u8();
  reader.skip(1);  // algorithm
  return skip_gateway(reader, type) && anything(reader);
}

bool relay(ByteReader& reader) noexcept {
  return skip_gateway(reader, reader.u8() & 0x7F);  // the upper bit is another flag
}

bool host_identity(ByteReader& reader) noexcept {  // HIP, RFC 8005 section 5
  const uint8_t tag = reader.u8();
  reader.skip(1);  // algorithm
  const uint16_t key = reader.u16();
  reader.skip(size_t{tag} + key);
  return tag > 0 && key > 0 && plain_names(reader);
}

bool prefixes(ByteReader& reader) noexcept {  // APL, RFC 3123 section 4
  while (reader.remaining() > 0) {
    const uint16_t family = reader.u16();
    const uint8_t bits = reader.u8();
    const Bytes address = reader.bytes(reader.u8() & 0x7F);
    const size_t most = family == 1 ? 4 : family == 2 ? 16 : UINT8_MAX;
    if (address.size() > most || (most <= 16 && bits > 8 * most) ||
        (!address.empty() && address.back() == 0)) {
      return false;
    }
  }
  return true;
}

namespace service_key {  // RFC 9460 section 14.3.2, RFC 9540 section 4
constexpr uint16_t kMandatory = 0, kAlpn = 1, kNoDefaultAlpn = 2, kPort = 3, kIpv4Hint = 4, kEch = 5,
                   kIpv6Hint = 6, kOhttp = 8;
}  // namespace service_key

bool is_list_of(size_t width, Bytes value) noexcept {
  return !value.empty() && value.size() % width == 0;
}

bool are_protocols(Bytes value) noexcept {
  ByteReader reader(value);
  do {
    if (!skip_filled_string(reader)) {
      return false;
    }
  } while (reader.remaining() > 0);
  return reader.ok();
}

// RFC 9460 section 8: ascending, and not the list itself.
bool are_mandatory_keys(Bytes value) noexcept {
  uint16_t last = service_key::kMandatory;
  for (ByteReader reader(value); reader.remaining() >= 2;) {
    const uint16_t key = reader.u16();
    if (key <= last) {
      return false;
    }
    last = key;
  }
  return is_list_of(2, value);
}

bool is_service_value(uint16_t key, Bytes value) noexcept {
  switch (key) {
    case service_key::kMandatory:
      return are_mandatory_keys(value);
    case service_key::kAlpn:
      return are_protocols(value);
    case service_key::kNoDefaultAlpn:
    case service_key::kOhttp:
      return value.empty();
    case service_key::kPort:
      return value.size() == 2;
    case service_key::kEch:
      return !value.empty();
    case service_key::kIpv4Hint:
      return is_list_of(4, value);
    case service_key::kIpv6Hint:
      return is_list_of(16, value);
    default:
      return true;
  }
}

// RFC 9460 section 2.2: keys in strictly ascending order; each that is mandatory is there. In the alias form
// nobody looks at the values (section 2.4.2).
bool skip_service_parameters(ByteReader& reader, bool is_alias) noexcept {
  int last = -1;
  ByteReader mandatory({});
  int wanted = -1;  // the next mandatory key; -1: none is left
  const auto want_next = [&] { wanted = mandatory.remaining() > 0 ? mandatory.u16() : -1; };
  while (reader.remaining() > 0) {
    const uint16_t key = reader.u16();
    const Bytes value = reader.bytes(reader.u16());
    if (!reader.ok() || key <= last || (!is_alias && !is_service_value(key, value))) {
      return false;
    }
    const bool needs_alpn = key == service_key::kNoDefaultAlpn;  // RFC 9460 section 7.1.1
    if (!is_alias && needs_alpn && last != service_key::kAlpn) {
      return false;
    }
    last = key;
    if (is_alias) {
      continue;
    }
    if (key == service_key::kMandatory) {
      mandatory = ByteReader(value);
      want_next();
    } else if (key == wanted) {
      want_next();
    }
  }
  return wanted == -1;
}

bool service_binding(ByteReader& reader) noexcept {
  const uint16_t priority = reader.u16();
  return skip_plain_name(reader) && skip_service_parameters(reader, priority == 0);
}

struct Layout {
  std::string_view fields;
  Rest rest;
};

// IANA "Resource Record (RR) TYPEs".
Layout layout_of(uint16_t type) noexcept {
  switch (type) {
    case rrtype::kA:
      return {"4", nothing};
    case rrtype::kAaaa:
      return {"88", nothing};
    case rrtype::kNs:
    case rrtype::kCname:
    case rrtype::kPtr:
    case rrtype::kDname:
    case 3:  // MD
    case 4:  // MF
    case 7:  // MB
    case 8:  // MG
    case 9:  // MR
      return {"n", nothing};
    case 14:  // MINFO
    case 17:  // RP
      return {"nn", nothing};
    case rrtype::kSoa:
      return {"nn992", nothing};
    case rrtype::kMx:
    case 18:  // AFSDB
    case 21:  // RT
    case 36:  // KX
      return {"2n", nothing};
    case 26:  // PX
      return {"2nn", nothing};
    case rrtype::kSrv:
      return {"6n", nothing};
    case rrtype::kNaptr:
      return {"4sssn", nothing};
    case 11:  // WKS
      return {"5", anything};
    case rrtype::kHinfo:
      return {"ss", nothing};
    case rrtype::kTxt:
    case 56:   // NINFO
    case 99:   // SPF
    case 258:  // AVC
    case 261:  // RESINFO
    case 262:  // WALLET
    case 263:  // CLA
      return {"", strings};
    case 19:  // X25
      return {"s", nothing};
    case 20:  // ISDN
      return {"s", perhaps_a_string};
    case 22:  // NSAP
    case 49:  // DHCID
    case 61:  // OPENPGPKEY
      return {"", something};
    case 25:  // KEY
      return {"4", anything};
    case 27:  // GPOS
      return {"sss", nothing};
    case 29:  // LOC
      return {"", location};
    case 30:  // NXT
      return {"p", anything};
    case 37:  // CERT
      return {"5", anything};
    case 42:  // APL
      return {"", prefixes};
    case rrtype::kDs:
    case 59:     // CDS
    case 32768:  // TA
    case 32769:  // DLV
      return {"3", ds_digest};
    case 44:  // SSHFP
      return {"1", ssh_fingerprint};
    case 45:  // IPSECKEY
      return {"1", ipsec_key};
    case 24:  // SIG
    case rrtype::kRrsig:
      return {"99p", something};
    case rrtype::kNsec:
      return {"p", bitmaps};
    case 48:  // DNSKEY
    case 57:  // RKEY
    case 60:  // CDNSKEY
      return {"4", something};
    case rrtype::kNsec3:
      return {"4s", hash_and_bitmaps};
    case 51:  // NSEC3PARAM
      return {"4s", nothing};
    case 52:  // TLSA
    case 53:  // SMIMEA
      return {"2", certificate_association};
    case 55:  // HIP
      return {"", host_identity};
    case 58:  // TALINK
      return {"pp", nothing};
    case 62:  // CSYNC
      return {"6", perhaps_bitmaps};
    case 63:  // ZONEMD
      return {"5", zone_digest};
    case rrtype::kSvcb:
    case rrtype::kHttps:
      return {"", service_binding};
    case 66:  // DSYNC
      return {"5p", nothing};
    case 104:  // NID
    case 106:  // L64
      return {"28", nothing};
    case 105:  // L32
      return {"24", nothing};
    case 107:  // LP
      return {"2p", nothing};
    case 108:  // EUI48
      return {"6", nothing};
    case 109:  // EUI64
    case 264:  // IPN
      return {"8", nothing};
    case 256:  // URI
      return {"4", something};
    case 257:  // CAA
      return {"1", property};
    case 259:  // DOA
      return {"9s", anything};
    case 260:  // AMTRELAY
      return {"1", relay};
    default:
      return {"", anything};
  }
}

bool skip_field(ByteReader& reader, char field) noexcept {
  switch (field) {
    case 'n': {
      Name name;
      return Name::read(reader, name);
    }
    case 'p':
      return skip_plain_name(reader);
    case 's':
      return skip_string(reader);
    default:
      reader.skip(static_cast<size_t>(field - '0'));
      return reader.ok();
  }
}

}  // namespace

std::string_view rdata_fields(uint16_t type) noexcept {
  return layout_of(type).fields;
}

bool is_well_formed(uint16_t type, Bytes message, size_t offset, size_t size) noexcept {
  if (type == rrtype::kA) {  // most are
    return size == 4;
  }
  const Layout layout = layout_of(type);
  ByteReader reader(message.first(offset + size), offset);
  for (const char field : layout.fields) {
    if (!skip_field(reader, field)) {
      return false;
    }
  }
  return layout.rest(reader) && reader.ok() && reader.remaining() == 0;
}

}  // namespace cenote
