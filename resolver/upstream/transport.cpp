#include "resolver/upstream/transport.h"

namespace cenote {

namespace {

constexpr size_t kPaddingBlock = 128;

void write_name(ByteWriter& writer, Bytes name, const LetterCase& letter_case) noexcept {
  if (letter_case == LetterCase{}) {
    writer.bytes(name);
    return;
  }
  for (size_t at = 0; at < name.size(); ++at) {
    writer.u8(in_case(name[at], at, letter_case));
  }
}

// The writer stands at the message's end.
void write_padding(ByteWriter& writer) noexcept {
  const size_t bare = writer.size() + 4;
  const size_t padding = (kPaddingBlock - bare % kPaddingBlock) % kPaddingBlock;
  writer.u16(edns_option::kPadding);
  writer.u16(static_cast<uint16_t>(padding));
  writer.zeros(padding);
}

}  // namespace

size_t write_query(MutableBytes out, const UpstreamQuestion& question, uint16_t id,
                   QueryExtras options) noexcept {
  ByteWriter header(out.first<kHeaderBytes>());
  header.u16(id);
  // Without EDNS these bits are zero, too (RFC 1035 section 4.1.1). AD: RFC 6840 section 5.7.
  const uint16_t dnssec = (question.checking_disabled ? flag::kCd : 0) | (question.dnssec_ok ? 0 : flag::kAd);
  header.u16(static_cast<uint16_t>(flag::kRd | (options.has_edns ? dnssec : 0)));
  header.u16(1);
  header.u16(0);
  header.u16(0);
  header.u16(options.has_edns ? 1 : 0);
  ByteWriter writer(out, kHeaderBytes);
  write_name(writer, question.name.wire(), options.letter_case);
  writer.u16(question.type);
  writer.u16(kClassIn);
  if (!options.has_edns) {
    return writer.size();
  }
  writer.u8(0);
  writer.u16(rrtype::kOpt);
  writer.u16(kUdpBytes);
  writer.u16(0);
  writer.u16(question.dnssec_ok ? 0x8000 : 0);
  const size_t length_at = writer.size();
  writer.u16(0);
  if (options.keeps_open) {
    writer.u16(edns_option::kTcpKeepalive);
    writer.u16(0);  // RFC 7828 section 3.2.1: a client names no time
  }
  if (!options.cookie.empty()) {
    writer.u16(edns_option::kCookie);
    writer.u16(static_cast<uint16_t>(options.cookie.size()));
    writer.bytes(options.cookie);
  }
  if (options.pads) {
    write_padding(writer);
  }
  writer.patch_u16(length_at, static_cast<uint16_t>(writer.size() - length_at - 2));
  return writer.size();
}

bool is_bare_reply(Bytes message) noexcept {
  if (message.size() < kHeaderBytes || (u16_at(message, 2) & (flag::kQr | flag::kOpcode)) != flag::kQr) {
    return false;
  }
  const bool is_empty = u16_at(message, 4) == 0 && u16_at(message, 6) == 0 && u16_at(message, 8) == 0;
  const auto rcode = static_cast<Rcode>(u16_at(message, 2) & flag::kRcode);
  // Some copy the counts of what they leave out; without an error it is a message that was cut.
  const bool is_cut_short = message.size() == kHeaderBytes && u16_at(message, 6) == 0 &&
                            (rcode == Rcode::kFormErr || rcode == Rcode::kNotImp);
  return is_empty || is_cut_short;
}

bool is_reply_to(Bytes message, const UpstreamQuestion& question) noexcept {
  if (is_bare_reply(message)) {
    return true;
  }
  const size_t name_end = kHeaderBytes + question.name.size();
  // There is nothing before its name that a compression pointer could mean, so it stands whole.
  return message.size() >= name_end + 4 && (u16_at(message, 2) & (flag::kQr | flag::kOpcode)) == flag::kQr &&
         u16_at(message, 4) == 1 && u16_at(message, name_end) == question.type &&
         u16_at(message, name_end + 2) == kClassIn &&
         question.name.is_written(message.subspan(kHeaderBytes, question.name.size()));
}

}  // namespace cenote
