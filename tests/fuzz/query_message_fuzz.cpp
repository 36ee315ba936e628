// Queries: what our parser accepts, ldns reads as the same question; and an answer to anything that may be
// answered is a message that ldns reads, within its limit.
#include <cstdlib>
#include <vector>

#include "resolver/dns/answer.h"
#include "resolver/dns/ldns_headers.h"

using namespace cenote;

namespace {

void require(bool truth) {
  if (!truth) {
    std::abort();
  }
}

// The question alone: ldns judges the rdata of additional records, which a query parser skips.
void compare_question(Bytes message, const QueryMessage& parsed) {
  std::vector<uint8_t> question(message.begin(), message.begin() + parsed.question_end);
  std::fill(question.begin() + 6, question.begin() + kHeaderBytes, uint8_t{0});
  ldns_pkt* packet = nullptr;
  require(ldns_wire2pkt(&packet, question.data(), question.size()) == LDNS_STATUS_OK);
  const ldns_rr* asked = ldns_rr_list_rr(ldns_pkt_question(packet), 0);
  require(ldns_rr_get_type(asked) == parsed.type);
  require(static_cast<uint16_t>(ldns_rr_get_class(asked)) == parsed.klass);
  const ldns_rdf* owner = ldns_rr_owner(asked);
  require(Name::from_wire({ldns_rdf_data(owner), ldns_rdf_size(owner)}) == parsed.name);
  ldns_pkt_free(packet);
}

void answer(Bytes message, const QueryMessage& parsed, QueryStatus status) {
  std::vector<uint8_t> buffer(message.begin(), message.end());
  buffer.resize(std::max<size_t>(message.size(), kUdpBytes));
  AnswerWriter writer(buffer, parsed.udp_limit(), parsed, Bytes(buffer).first(message.size()));
  writer.extended_error(Ede::kBlocked, "text");
  if (status == QueryStatus::kOk) {
    writer.answer(parsed.name, rrtype::kA, 30, std::array<uint8_t, 4>{192, 0, 2, 1});
  }
  const size_t size = writer.finish(Rcode::kNoError);
  require(size <= parsed.udp_limit());
  ldns_pkt* packet = nullptr;
  require(ldns_wire2pkt(&packet, buffer.data(), size) == LDNS_STATUS_OK);
  require(ldns_pkt_id(packet) == parsed.id);
  ldns_pkt_free(packet);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const Bytes message(bytes, std::min(size, kMaxMessageBytes));
  QueryMessage parsed;
  const QueryStatus status = parse_query(message, parsed);
  if (status == QueryStatus::kOk) {
    compare_question(message, parsed);
  }
  if (status != QueryStatus::kIgnore) {
    answer(message, parsed, status);
  }
  return 0;
}
