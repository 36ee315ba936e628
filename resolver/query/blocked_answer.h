// The answer to a blocked query, byte for byte as docs/blocked-answers.md describes it: one of two shapes for
// every type, the SOA, the extended error with the incident id. Pure: bytes in, bytes out, no allocation.
#pragma once

#include "resolver/dns/answer.h"
#include "resolver/query/block_reason.h"

namespace cenote {

class BlockedAnswer {
 public:
  BlockedAnswer(const PolicySettings& settings, std::string_view contact);

  // Writes the answer over `out` (which may hold `packet`); at most `limit` bytes; returns its size, 0: stay
  // silent. `chain`: the upstream's answer when the verdict is about something in it, whose CNAMEs are kept
  // up to there. REQUIRES: verdict.blocks().
  size_t write(MutableBytes out, size_t limit, const QueryMessage& query, Bytes packet,
               const Verdict& verdict, IncidentId incident, Bytes chain = {}) const noexcept;

 private:
  bool write_addresses(AnswerWriter& answer, const Name& owner, uint16_t type,
                       std::string_view category) const noexcept;
  size_t finish(AnswerWriter& answer, Rcode rcode, const QueryMessage& query, const Verdict& verdict,
                IncidentId incident) const noexcept;

  SinkholeSettings sinkhole_;
  BlockReason reason_;
  Name mname_;
  Name rname_;
};

}  // namespace cenote
