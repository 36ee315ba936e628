#include "resolver/dns/query_message.h"

namespace cenote {
namespace {

// A query has no use for more: one OPT, one TSIG or SIG(0), and something to spare.
constexpr uint16_t kMaxAdditional = 4;
constexpr size_t kFixedBytes = 10;  // of a record between its owner and its data: type, class, TTL, size
// CVE-2026-41292 and its like: a long list of options costs the server more than the client.
constexpr int kMaxEdnsOptions = 16;

// Of an option that comes twice the first counts. False: its data cannot be what it says.
bool read_option(uint16_t code, Bytes data, Edns& edns) noexcept {
  switch (code) {
    case edns_option::kCookie:
      // RFC 7873 section 5.2.2: 8 bytes, or 16 to 40.
      if (data.size() != 8 && (data.size() < 16 || data.size() > edns.cookie.size())) {
        return false;
      }
      if (edns.cookie_size == 0) {
        std::copy(data.begin(), data.end(), edns.cookie.begin());
        edns.cookie_size = static_cast<uint8_t>(data.size());
      }
      return true;
    case edns_option::kNsid:
      edns.asks_nsid = true;  // whatever it holds (RFC 5001 section 2.1)
      return true;
    case edns_option::kStructuredError:
    case edns_option::kExtendedError:  // how the draft's older versions asked for them
      edns.asks_structured_errors = true;
      return true;
    case edns_option::kTcpKeepalive:
      edns.keeps_open = true;
      return true;
    case edns_option::kPadding:
      edns.pads = true;
      return true;
    default:
      return true;
  }
}

bool read_opt(ByteReader& reader, uint16_t klass, uint32_t ttl, uint16_t size, QueryMessage& out) noexcept {
  out.has_edns = true;
  out.edns.udp_size = std::max(klass, kClassicUdpBytes);
  out.edns.version = static_cast<uint8_t>(ttl >> 16);
  out.edns.dnssec_ok = (ttl & 0x8000) != 0;
  ByteReader options(reader.bytes(size));
  int count = 0;
  while (options.remaining() > 0) {
    const uint16_t code = options.u16();
    const Bytes data = options.bytes(options.u16());
    if (!options.ok() || ++count > kMaxEdnsOptions || !read_option(code, data, out.edns)) {
      return false;
    }
  }
  return reader.ok();
}

bool read_additional(ByteReader& reader, uint16_t count, QueryMessage& out) noexcept {
  if (count > kMaxAdditional) {
    return false;
  }
  for (uint16_t i = 0; i < count; ++i) {
    const bool is_root = reader.remaining() > 0 && reader.all()[reader.offset()] == 0;
    if (Name owner; is_root) {
      reader.skip(1);
    } else if (!Name::read(reader, owner)) {
      return false;
    }
    const Bytes fixed = reader.bytes(kFixedBytes);
    if (fixed.empty()) {
      return false;
    }
    const uint16_t size = u16_at(fixed, 8);
    if (u16_at(fixed, 0) != rrtype::kOpt) {
      reader.skip(size);
    } else if (out.has_edns || !is_root || !read_opt(reader, u16_at(fixed, 2), u32_at(fixed, 4), size, out)) {
      return false;  // RFC 6891 section 6.1.1: more than one OPT, or one with a name, is FORMERR
    }
  }
  return reader.ok();
}

// Types that only make sense in other operations, or nowhere (RFC 6895 section 3.1: QTYPEs and meta-TYPEs).
QueryStatus judge_type(uint16_t type, uint16_t klass) noexcept {
  if (klass == kClassChaos && type == rrtype::kTxt) {
    return QueryStatus::kChaos;
  }
  if (klass != kClassIn || type == rrtype::kAxfr || type == rrtype::kIxfr) {
    return QueryStatus::kRefused;
  }
  if (type == 0 || type == rrtype::kOpt || type == rrtype::kTsig || type == rrtype::kTkey ||
      type == rrtype::kMailb || type == rrtype::kMaila) {
    return QueryStatus::kFormErr;
  }
  return QueryStatus::kOk;
}

}  // namespace

QueryStatus parse_query(Bytes message, QueryMessage& out) noexcept {
  if (message.size() < kHeaderBytes) {
    return QueryStatus::kIgnore;
  }
  out.id = u16_at(message, 0);
  out.flags = u16_at(message, 2);
  const uint16_t questions = u16_at(message, 4);
  const uint16_t answers = u16_at(message, 6);
  const uint16_t authorities = u16_at(message, 8);
  const uint16_t additionals = u16_at(message, 10);
  if ((out.flags & flag::kQr) != 0) {
    return QueryStatus::kIgnore;
  }
  ByteReader reader(message, kHeaderBytes);
  if ((out.flags & flag::kOpcode) != 0) {
    return QueryStatus::kNotImp;
  }
  if (questions != 1) {
    return QueryStatus::kFormErr;  // RFC 9619 section 4
  }
  if (!Name::read(reader, out.name)) {
    return QueryStatus::kFormErr;
  }
  // A question has nothing before it that a compression pointer could mean.
  if (reader.offset() != kHeaderBytes + out.name.size()) {
    return QueryStatus::kFormErr;
  }
  const Bytes fixed = reader.bytes(4);
  if (fixed.empty()) {
    return QueryStatus::kFormErr;
  }
  out.type = u16_at(fixed, 0);
  out.klass = u16_at(fixed, 2);
  out.question_end = static_cast<uint16_t>(reader.offset());
  if (answers != 0 || authorities != 0 || (out.flags & flag::kTc) != 0 ||
      !read_additional(reader, additionals, out)) {
    return QueryStatus::kFormErr;
  }
  if (out.has_edns && out.edns.version != 0) {
    return QueryStatus::kBadVers;
  }
  return judge_type(out.type, out.klass);
}

}  // namespace cenote
