#include "resolver/query/local_answer.h"

#include "resolver/dns/answer.h"

namespace cenote {
namespace {

constexpr uint32_t kSpecialTtl = 10'800;  // RFC 6303 section 3
constexpr uint32_t kNoRecordTtl = 300;    // of a type that the site's own name does not have
constexpr std::array<uint8_t, 9> kAnyHinfo{7, 'R', 'F', 'C', '8', '4', '8', '2', 0};
constexpr uint32_t kAnyTtl = 3600;
constexpr uint32_t kWithheldTtl = 30;  // an exception is felt soon
constexpr std::array<uint8_t, 4> kLoopback4{127, 0, 0, 1};
constexpr std::array<uint8_t, 16> kLoopback6{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

// RFC 6303 section 3: the zone is its own name server, and nobody reads its mail.
void write_soa(AnswerWriter& answer, const Name& zone, uint32_t ttl) noexcept {
  static const Name kNobody = *Name::from_text("nobody.invalid");
  std::array<uint8_t, 2 * kMaxNameBytes + 20> rdata;
  ByteWriter writer(rdata);
  writer.bytes(zone.wire());
  writer.bytes(kNobody.wire());
  for (const uint32_t number : {uint32_t{1}, uint32_t{3600}, uint32_t{1200}, uint32_t{604'800}, ttl}) {
    writer.u32(number);
  }
  answer.authority(zone, rrtype::kSoa, ttl, writer.written());
}

// False: the name has no such records.
bool write_records(AnswerWriter& answer, const QueryMessage& query,
                   const std::vector<LocalRecord>& records) noexcept {
  bool has_data = false;
  for (const LocalRecord& record : records) {
    if (record.type == query.type || record.type == rrtype::kCname || query.type == rrtype::kAny) {
      answer.answer(query.name, record.type, record.ttl, record.rdata);
      has_data = true;
    }
  }
  return has_data;
}

bool write_loopback(AnswerWriter& answer, const QueryMessage& query) noexcept {
  const bool any = query.type == rrtype::kAny;
  if (any || query.type == rrtype::kA) {
    answer.answer(query.name, rrtype::kA, kSpecialTtl, kLoopback4);
  }
  if (any || query.type == rrtype::kAaaa) {
    answer.answer(query.name, rrtype::kAaaa, kSpecialTtl, kLoopback6);
  }
  return any || query.type == rrtype::kA || query.type == rrtype::kAaaa;
}

}  // namespace

size_t write_local_answer(MutableBytes out, size_t limit, const QueryMessage& query, Bytes packet,
                          const LocalNames::Match& match) noexcept {
  using Kind = LocalNames::Kind;
  AnswerWriter answer(out, limit, query, packet);
  const bool has_data = match.kind == Kind::kRecords
                            ? write_records(answer, query, *match.records)
                            : match.kind == Kind::kLoopback && write_loopback(answer, query);
  if (!has_data) {
    write_soa(answer, match.zone, match.kind == Kind::kRecords ? kNoRecordTtl : kSpecialTtl);
  }
  const bool exists = match.kind == Kind::kRecords || match.kind == Kind::kLoopback ||
                      match.kind == Kind::kNoData ||
                      (match.kind == Kind::kEmptyZone && query.name == match.zone);
  return answer.finish(exists ? Rcode::kNoError : Rcode::kNxDomain, flag::kAa);
}

size_t write_any_answer(MutableBytes out, size_t limit, const QueryMessage& query, Bytes packet) noexcept {
  AnswerWriter answer(out, limit, query, packet);
  answer.answer(query.name, rrtype::kHinfo, kAnyTtl, kAnyHinfo);
  return answer.finish(Rcode::kNoError);
}

size_t write_withheld_answer(MutableBytes out, size_t limit, const QueryMessage& query, Bytes packet,
                             const ExtendedError& why) noexcept {
  AnswerWriter answer(out, limit, query, packet);
  write_soa(answer, query.name, kWithheldTtl);
  answer.extended_error(why.code, why.text);
  return answer.finish(Rcode::kNoError);
}

size_t write_identity(MutableBytes out, size_t limit, const QueryMessage& query, Bytes packet,
                      const NamesSettings& settings) noexcept {
  static const std::array<std::pair<Name, std::string NamesSettings::*>, 4> kNames{
      {{*Name::from_text("version.bind"), &NamesSettings::version},
       {*Name::from_text("version.server"), &NamesSettings::version},
       {*Name::from_text("id.server"), &NamesSettings::identity},
       {*Name::from_text("hostname.bind"), &NamesSettings::identity}}};
  AnswerWriter answer(out, limit, query, packet);
  for (const auto& [name, text] : kNames) {
    const std::string& value = settings.*text;
    if (query.name == name && !value.empty()) {
      std::array<uint8_t, 256> rdata;
      ByteWriter writer(rdata);
      writer.u8(static_cast<uint8_t>(value.size()));
      writer.text(value);
      answer.answer(query.name, rrtype::kTxt, 0, writer.written());
      return answer.finish(Rcode::kNoError, flag::kAa);
    }
  }
  answer.extended_error(Ede::kNotSupported, "");
  return answer.finish(Rcode::kRefused);
}

}  // namespace cenote
