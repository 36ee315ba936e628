#include "resolver/upstream/transport.h"

#include "resolver/dns/records.h"

namespace cenote {

size_t write_query(MutableBytes out, const UpstreamQuestion& question, uint16_t id) noexcept {
  ByteWriter writer(out);
  writer.u16(id);
  writer.u16(static_cast<uint16_t>(flag::kRd | (question.checking_disabled ? flag::kCd : 0) |
                                   (question.dnssec_ok ? 0 : flag::kAd)));  // AD: RFC 6840 section 5.7
  writer.u16(1);
  writer.u16(0);
  writer.u16(0);
  writer.u16(1);
  writer.bytes(question.name.wire());
  writer.u16(question.type);
  writer.u16(kClassIn);
  writer.u8(0);
  writer.u16(rrtype::kOpt);
  writer.u16(kUdpBytes);
  writer.u16(0);
  writer.u16(question.dnssec_ok ? 0x8000 : 0);
  writer.u16(0);
  return writer.size();
}

bool is_reply_to(Bytes message, const UpstreamQuestion& question) noexcept {
  const RecordReader reader(message);
  return reader.ok() && (reader.flags() & (flag::kQr | flag::kOpcode)) == flag::kQr &&
         reader.question_class() == kClassIn && reader.question_type() == question.type &&
         reader.question_name() == question.name;
}

}  // namespace cenote
