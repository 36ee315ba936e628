#include "resolver/query/blocked_answer.h"

#include "resolver/base/text.h"
#include "resolver/dns/answer.h"
#include "resolver/dns/records.h"

namespace cenote {
namespace {

constexpr uint32_t kNegativeTtl = 30;  // seconds: a lifted block is felt soon
constexpr uint32_t kLongestTtl = 60;   // whatever is configured
constexpr size_t kErrorTextBytes = 120;

// RNAME of an SOA: "first.last@example.com" is first\.last.example.com (RFC 1035 section 8).
Name mailbox_name(std::string_view mail, const Name& otherwise) {
  const size_t at = mail.find('@');
  if (at == std::string_view::npos) {
    return otherwise;
  }
  auto name = Name::from_text(mail.substr(at + 1));
  return name && name->prepend_label(mail.substr(0, at)) ? *name : otherwise;
}

// Writes the CNAMEs of `chain` from the question to the name that matched; returns where the blocked data
// belongs.
Name write_chain(AnswerWriter& answer, Bytes chain, const Name& question, const Verdict& verdict) noexcept {
  Name owner = question;
  for (size_t hops = 0;
       hops < kMaxLabels && !(verdict.match == MatchKind::kCname && owner == verdict.matched); ++hops) {
    RecordReader reader(chain);
    RecordView record;
    Name target;
    bool found = false;
    while (!found && reader.next(record) && record.section == Section::kAnswer) {
      found =
          record.type == rrtype::kCname && record.owner == owner && read_rdata_name(chain, record, 0, target);
    }
    if (!found) {
      break;
    }
    answer.answer(owner, rrtype::kCname, std::min(record.ttl, kLongestTtl), target.wire());
    owner = target;
  }
  return owner;
}

void write_soa(AnswerWriter& answer, const Name& owner, const Name& mname, const Name& rname,
               uint64_t generation) noexcept {
  std::array<uint8_t, 2 * kMaxNameBytes + 20> rdata;
  ByteWriter writer(rdata);
  writer.bytes(mname.wire());
  writer.bytes(rname.wire());
  writer.u32(static_cast<uint32_t>(generation));
  writer.u32(3600);  // refresh, retry and expire mean nothing here: nobody transfers this zone
  writer.u32(600);
  writer.u32(86400);
  writer.u32(kNegativeTtl);  // MINIMUM is the negative TTL (RFC 2308 section 4)
  answer.authority(owner, rrtype::kSoa, kNegativeTtl, writer.written());
}

}  // namespace

BlockedAnswer::BlockedAnswer(const PolicySettings& settings, std::string_view contact)
    : sinkhole_(settings.sinkhole),
      contact_(contact.empty() ? std::string() : ", " + std::string(contact)),
      mname_(*Name::from_text("cenote.invalid")),
      rname_(mailbox_name(settings.contact_mail, *Name::from_text("hostmaster.cenote.invalid"))) {}

BlockedAnswer::Rules BlockedAnswer::rules_for(std::string_view category) const noexcept {
  return {sinkhole_.ipv4.for_category(category), sinkhole_.ipv6.for_category(category),
          std::min(static_cast<uint32_t>(sinkhole_.ttl.for_category(category).count()), kLongestTtl)};
}

size_t BlockedAnswer::write(MutableBytes out, size_t limit, const QueryMessage& query, Bytes packet,
                            const Verdict& verdict, IncidentId incident, Bytes chain) const noexcept {
  if (verdict.action == Action::kDrop) {
    return 0;
  }
  // "c2 blocked, incident 7K4QW-9XM2D, csirt@example.com"
  const auto id = incident.to_text();
  std::array<char, kErrorTextBytes> text;
  size_t size = 0;
  for (const std::string_view part : {verdict.category.view(), std::string_view(" blocked, incident "),
                                      id.view(), std::string_view(contact_)}) {
    // The contact may be in any script (RFC 8914 section 2: UTF-8).
    const std::string_view taken = first_bytes(part, text.size() - size);
    std::copy(taken.begin(), taken.end(), text.begin() + static_cast<ptrdiff_t>(size));
    size += taken.size();
  }
  AnswerWriter answer(out, limit, query, packet);
  answer.extended_error(Ede::kBlocked, {text.data(), size});
  if (verdict.action == Action::kRefuse) {
    return answer.finish(Rcode::kRefused);
  }
  const Name owner = chain.empty() ? query.name : write_chain(answer, chain, query.name, verdict);
  const bool of_service =
      verdict.match == MatchKind::kServiceTarget || verdict.match == MatchKind::kServiceHint;
  bool has_data = false;
  if (verdict.action == Action::kSinkhole && !of_service) {
    const Rules rules = rules_for(verdict.category.view());
    const auto wants = [&](uint16_t type) { return query.type == type || query.type == rrtype::kAny; };
    if (wants(rrtype::kA) && rules.ipv4) {
      has_data |= answer.answer(owner, rrtype::kA, rules.ttl, rules.ipv4->bytes());
    }
    if (wants(rrtype::kAaaa) && rules.ipv6) {
      has_data |= answer.answer(owner, rrtype::kAaaa, rules.ttl, rules.ipv6->bytes());
    }
  }
  if (has_data) {
    return answer.finish(Rcode::kNoError);
  }
  // The SOA's owner is the entry that matched: always an ancestor of what was asked, or a caching stub
  // ignores it.
  const bool of_name = verdict.match == MatchKind::kQuestion || verdict.match == MatchKind::kCname;
  write_soa(answer, of_name ? owner.suffix(verdict.depth) : owner, mname_, rname_, verdict.generation);
  // Where only an address or a service record is bad the name itself exists (RFC 8020).
  const bool denies_name = verdict.action == Action::kNxdomain && !verdict.keeps_children && of_name;
  return answer.finish(denies_name ? Rcode::kNxDomain : Rcode::kNoError);
}

}  // namespace cenote
