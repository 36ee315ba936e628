#include "resolver/upstream/echo.h"

#include <algorithm>

#include "resolver/dns/cookie.h"
#include "resolver/dns/records.h"

namespace cenote {
namespace {

constexpr uint16_t kBadCookie = 23;  // RFC 7873 section 8; its lower bits are in the header

bool has_letters(const Name& name) noexcept {
  const Bytes wire = name.wire();
  return std::any_of(wire.begin(), wire.end(), [](uint8_t byte) { return byte >= 'a' && byte <= 'z'; });
}

// A bare reply has none.
bool has_question(Bytes reply, const Name& name) noexcept {
  return reply.size() >= kHeaderBytes + name.size();
}

// REQUIRES: the reply's question, where it has one, is `name`, in some letter case, and so stands
// uncompressed.
bool is_written(Bytes reply, const Name& name, const LetterCase& letter_case) noexcept {
  const Bytes wire = name.wire();
  if (!has_question(reply, name)) {
    return false;
  }
  for (size_t at = 0; at < wire.size(); ++at) {
    if (reply[kHeaderBytes + at] != in_case(wire[at], at, letter_case)) {
      return false;
    }
  }
  return true;
}

// The OPT record's rdata; empty when there is none. `rcode` gets its upper bits.
Bytes find_options(Bytes reply, uint16_t& rcode) noexcept {
  RecordReader reader(reply);
  RecordView record;
  rcode = reader.flags() & flag::kRcode;
  while (reader.next_unnamed(record)) {
    if (record.type == rrtype::kOpt && record.section == Section::kAdditional) {
      rcode = static_cast<uint16_t>(rcode | (record.ttl_bits >> 24 << 4));
      return reply.subspan(record.rdata_offset, record.rdata_size);
    }
  }
  return {};
}

}  // namespace

Echo::Echo(bool mixes_case, bool sends_cookies, Random& random, std::shared_ptr<ServerMemory> memory)
    : random_(random),
      mixes_case_(mixes_case),
      sends_cookies_(sends_cookies),
      memory_(memory ? std::move(memory) : std::make_shared<ServerMemory>(sends_cookies)) {}

LetterCase Echo::draw() noexcept {
  LetterCase drawn{};
  if (mixes_case_) {
    std::generate(drawn.begin(), drawn.end(), [this] { return random_.u64(); });
  }
  return drawn;
}

// Remembers what the server says in it.
Echo::CookieSeen Echo::read_cookie(Bytes reply) noexcept {
  uint16_t rcode = 0;
  ByteReader options(find_options(reply, rcode));
  while (options.remaining() >= 4) {
    const uint16_t code = options.u16();
    const Bytes value = options.bytes(options.u16());
    if (!options.ok() || code != edns_option::kCookie) {
      continue;
    }
    const auto is_ours = memory_->update([&](EchoCookie& known) noexcept {
      const bool is_whole = value.size() >= 2 * kClientCookieBytes && value.size() <= known.bytes.size();
      if (!is_whole || !std::equal(value.begin(), value.begin() + kClientCookieBytes, known.bytes.begin())) {
        return false;
      }
      std::copy(value.begin(), value.end(), known.bytes.begin());
      known.size = value.size();
      return true;
    });
    if (!is_ours) {
      return CookieSeen::kNone;  // another worker has just given them up
    }
    return !*is_ours ? CookieSeen::kOther : rcode == kBadCookie ? CookieSeen::kBad : CookieSeen::kOurs;
  }
  return rcode == static_cast<uint16_t>(Rcode::kFormErr) ? CookieSeen::kFormErr : CookieSeen::kNone;
}

bool Echo::believes(Bytes reply, const Name& name, const LetterCase& written, bool has_edns) noexcept {
  const bool same_case = !mixes_case_ || is_written(reply, name, written);
  if (!same_case && memory_->letter_case.is_expected()) {
    return false;
  }
  const bool has_cookie = this->cookie().size != 0;
  const CookieSeen cookie = has_cookie && has_edns ? read_cookie(reply) : CookieSeen::kNone;
  // RFC 7873 section 5.3: with another's cookie it is forged, and with BADCOOKIE ours was out of date.
  const bool is_good = cookie == CookieSeen::kOurs ||
                       (cookie == CookieSeen::kNone && !(has_cookie && memory_->cookies.is_expected()));
  if (!is_good) {
    return false;
  }
  if (mixes_case_ && has_letters(name)) {
    memory_->letter_case.saw(same_case);
  }
  if (has_edns) {
    memory_->cookies.saw(cookie == CookieSeen::kOurs);
  }
  return true;
}

void Echo::learn(Bytes reply, const Name& name, const LetterCase& written, bool has_edns) noexcept {
  if (mixes_case_ && has_question(reply, name) && !is_written(reply, name, written)) {
    memory_->letter_case.saw(false);
  }
  if (!has_edns || this->cookie().size == 0) {
    return;
  }
  const CookieSeen cookie = read_cookie(reply);
  if (cookie == CookieSeen::kNone) {
    memory_->cookies.saw(false);
  } else if (cookie == CookieSeen::kOther || cookie == CookieSeen::kFormErr) {
    // It mangles or minds them: it is asked without from now on, and can repeat none.
    memory_->give_up_cookies();
    memory_->cookies.saw(false);
  }
}

}  // namespace cenote
