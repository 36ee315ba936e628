#include "resolver/query/blocked_answer.h"

#include "resolver/dns/records.h"

namespace cenote {
namespace {

constexpr uint32_t kNegativeTtl = 30;  // seconds: a lifted block is felt soon
constexpr uint32_t kLongestTtl = 60;   // whatever is configured

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
      reason_(settings, contact),
      mname_(*Name::from_text("cenote.invalid")),
      rname_(mailbox_name(settings.contact_mail, *Name::from_text("hostmaster.cenote.invalid"))) {}

// The sinkhole's of the types that were asked for; false: there are none.
bool BlockedAnswer::write_addresses(AnswerWriter& answer, const Name& owner, uint16_t type,
                                    std::string_view category) const noexcept {
  const auto ttl = std::min(static_cast<uint32_t>(sinkhole_.ttl.for_category(category).count()), kLongestTtl);
  bool has_data = false;
  const auto write = [&](uint16_t of, const ByCategory<std::optional<IpAddress>>& addresses) {
    if (type != of && type != rrtype::kAny) {
      return;
    }
    if (const std::optional<IpAddress>& address = addresses.for_category(category)) {
      has_data |= answer.answer(owner, of, ttl, address->bytes());
    }
  };
  write(rrtype::kA, sinkhole_.ipv4);
  write(rrtype::kAaaa, sinkhole_.ipv6);
  return has_data;
}

// The reason comes last: it takes the room that the records left.
size_t BlockedAnswer::finish(AnswerWriter& answer, Rcode rcode, const QueryMessage& query,
                             const Verdict& verdict, IncidentId incident) const noexcept {
  const bool for_programs = query.edns.asks_structured_errors && sinkhole_.structured_errors;
  const size_t room = answer.error_room();
  BlockReason::Buffer buffer;
  answer.extended_error(Ede::kBlocked, for_programs ? reason_.for_programs(buffer, room, verdict, incident)
                                                    : reason_.for_people(buffer, room, verdict, incident));
  return answer.finish(rcode);
}

size_t BlockedAnswer::write(MutableBytes out, size_t limit, const QueryMessage& query, Bytes packet,
                            const Verdict& verdict, IncidentId incident, Bytes chain) const noexcept {
  if (verdict.action == Action::kDrop) {
    return 0;
  }
  AnswerWriter answer(out, limit, query, packet);
  if (verdict.action == Action::kRefuse) {
    return finish(answer, Rcode::kRefused, query, verdict, incident);
  }
  Name chain_end;
  const Name& owner =
      chain.empty() ? query.name : (chain_end = write_chain(answer, chain, query.name, verdict));
  const bool of_service =
      verdict.match == MatchKind::kServiceTarget || verdict.match == MatchKind::kServiceHint;
  if (verdict.action == Action::kSinkhole && !of_service &&
      write_addresses(answer, owner, query.type, verdict.category.view())) {
    return finish(answer, Rcode::kNoError, query, verdict, incident);
  }
  // The SOA's owner is the entry that matched: always an ancestor of what was asked, or a caching stub
  // ignores it.
  const bool of_name = verdict.match == MatchKind::kQuestion || verdict.match == MatchKind::kCname;
  write_soa(answer, of_name ? owner.suffix(verdict.depth) : owner, mname_, rname_, verdict.generation);
  // Where only an address or a service record is bad the name itself exists (RFC 8020).
  const bool denies_name = verdict.action == Action::kNxdomain && !verdict.keeps_children && of_name;
  return finish(answer, denies_name ? Rcode::kNxDomain : Rcode::kNoError, query, verdict, incident);
}

}  // namespace cenote
