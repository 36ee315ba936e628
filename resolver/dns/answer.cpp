#include "resolver/dns/answer.h"

#include "resolver/base/text.h"

namespace cenote {
namespace {

constexpr size_t kOptionHeader = 4;
constexpr size_t kPlainOpt = 11;       // root name, type, class, ttl, rdlength
constexpr size_t kPaddingBlock = 468;  // RFC 8467 section 4.1

void write_option(ByteWriter& writer, uint16_t code, Bytes data) noexcept {
  writer.u16(code);
  writer.u16(static_cast<uint16_t>(data.size()));
  writer.bytes(data);
}

// So that the whole message fills its last block; the writer stands at the message's end.
void write_padding(ByteWriter& writer) noexcept {
  const size_t bare = writer.size() + kOptionHeader;
  const size_t padding = (kPaddingBlock - bare % kPaddingBlock) % kPaddingBlock;
  if (writer.room() < kOptionHeader + padding) {
    return;
  }
  writer.u16(edns_option::kPadding);
  writer.u16(static_cast<uint16_t>(padding));
  writer.zeros(padding);
}

void write_opt_record(ByteWriter& writer, const QueryMessage& query, Rcode rcode,
                      const ExtendedError* error) noexcept {
  const std::array<uint8_t, kPlainOpt> plain{0,  // the root
                                             0,
                                             rrtype::kOpt,
                                             kUdpBytes >> 8,
                                             kUdpBytes & 0xFF,
                                             static_cast<uint8_t>(static_cast<uint8_t>(rcode) >> 4),
                                             0,  // version
                                             query.edns.dnssec_ok ? uint8_t{0x80} : uint8_t{0},
                                             0,
                                             0,  // length
                                             0};
  writer.bytes(plain);
  const size_t begin = writer.size();
  const ReplyOptions& reply = query.reply;
  if (reply.has_cookie) {
    write_option(writer, edns_option::kCookie, reply.cookie);
  }
  if (reply.keepalive != 0) {
    writer.u16(edns_option::kTcpKeepalive);
    writer.u16(2);
    writer.u16(reply.keepalive);
  }
  if (!reply.nsid.empty()) {
    write_option(writer, edns_option::kNsid, as_bytes(reply.nsid));
  }
  // Text that does not fit is cut; the code stays as long as its six bytes fit: the text goes first.
  if (error != nullptr && writer.room() >= kOptionHeader + 2) {
    const std::string_view text = first_bytes(error->text, writer.room() - kOptionHeader - 2);
    writer.u16(edns_option::kExtendedError);
    writer.u16(static_cast<uint16_t>(2 + text.size()));
    writer.u16(static_cast<uint16_t>(error->code));
    writer.text(text);
  }
  if (reply.pads) {
    write_padding(writer);
  }
  if (writer.size() != begin) {
    writer.patch_u16(begin - 2, static_cast<uint16_t>(writer.size() - begin));
  }
}

}  // namespace

size_t opt_bytes(const QueryMessage& query) noexcept {
  return query.has_edns
             ? kPlainOpt + (query.reply.has_cookie ? kOptionHeader + query.reply.cookie.size() : 0) +
                   (query.reply.keepalive != 0 ? kOptionHeader + 2 : 0) +
                   (query.reply.nsid.empty() ? 0 : kOptionHeader + query.reply.nsid.size())
             : 0;
}

AnswerWriter::AnswerWriter(MutableBytes out, size_t limit, const QueryMessage& query, Bytes message) noexcept
    : out_(out.first(std::min(limit, out.size()))),
      writer_(out_.first(out_.size() - opt_bytes(query))),
      query_(query) {
  // The question first: in place it already stands where it belongs and is only copied onto itself.
  const Bytes question =
      query.question_end == 0 ? Bytes{} : message.subspan(kHeaderBytes, query.question_end - kHeaderBytes);
  if (out.data() != message.data() && !question.empty()) {
    std::memcpy(out.data() + kHeaderBytes, question.data(), question.size());
  }
  writer_.roll_back(kHeaderBytes + question.size());
}

void AnswerWriter::write_owner(ByteWriter& writer, const Name& owner) const noexcept {
  if (query_.question_end != 0) {
    if (&owner == &query_.name || owner == query_.name) {
      writer.u16(0xC000 | kHeaderBytes);
      return;
    }
    if (!owner.is_root() && query_.name.is_at_or_below(owner)) {
      writer.u16(static_cast<uint16_t>(0xC000 | (kHeaderBytes + query_.name.size() - owner.size())));
      return;
    }
  }
  writer.bytes(owner.wire());
}

bool AnswerWriter::record(Section section, const Name& owner, uint16_t type, uint32_t ttl,
                          Bytes rdata) noexcept {
  ByteWriter writer = writer_;
  write_owner(writer, owner);
  writer.u16(type);
  writer.u16(query_.klass == kClassChaos ? kClassChaos : kClassIn);
  writer.u32(ttl);
  writer.u16(static_cast<uint16_t>(rdata.size()));
  writer.bytes(rdata);
  if (!writer.ok()) {
    truncated_ = true;
    return false;
  }
  writer_ = writer;
  ++(section == Section::kAnswer ? answers_ : authorities_);
  return true;
}

bool AnswerWriter::answer(const Name& owner, uint16_t type, uint32_t ttl, Bytes rdata) noexcept {
  return record(Section::kAnswer, owner, type, ttl, rdata);
}

bool AnswerWriter::authority(const Name& owner, uint16_t type, uint32_t ttl, Bytes rdata) noexcept {
  return record(Section::kAuthority, owner, type, ttl, rdata);
}

void AnswerWriter::extended_error(Ede code, std::string_view text) noexcept {
  has_error_ = true;
  error_ = code;
  error_text_ = text;
}

size_t AnswerWriter::error_room() const noexcept {
  const size_t taken = writer_.size() + opt_bytes(query_) + kOptionHeader + 2;
  return taken < out_.size() ? out_.size() - taken : 0;
}

size_t AnswerWriter::finish(Rcode rcode, uint16_t flags) noexcept {
  const size_t body = writer_.size();
  flags = static_cast<uint16_t>(flags | flag::kQr | flag::kRa | (query_.flags & (flag::kRd | flag::kCd)) |
                                (query_.flags & flag::kOpcode) | (truncated_ ? flag::kTc : 0) |
                                (static_cast<uint16_t>(rcode) & flag::kRcode));
  ByteWriter header(out_.first<kHeaderBytes>());  // of a size that is known, so no write asks for room
  header.u16(query_.id);
  header.u16(flags);
  header.u16(query_.question_end == 0 ? 0 : 1);
  header.u16(answers_);
  header.u16(authorities_);
  header.u16(query_.has_edns ? 1 : 0);
  if (!query_.has_edns) {
    return body;
  }
  const ExtendedError error{error_, error_text_};
  ByteWriter opt(out_, body);  // what was kept back for it, and what the records left
  write_opt_record(opt, query_, rcode, has_error_ ? &error : nullptr);
  return opt.size();
}

size_t write_error(MutableBytes out, const QueryMessage& query, Bytes message, Rcode rcode) noexcept {
  return AnswerWriter(out, out.size(), query, message).finish(rcode);
}

size_t write_error(MutableBytes out, const QueryMessage& query, Bytes message, Rcode rcode, Ede code,
                   std::string_view text) noexcept {
  AnswerWriter answer(out, out.size(), query, message);
  answer.extended_error(code, text);
  return answer.finish(rcode);
}

size_t append_opt(MutableBytes out, size_t size, size_t limit, const QueryMessage& query,
                  const ExtendedError* error) noexcept {
  if (!query.has_edns || size + opt_bytes(query) > limit) {
    return size;
  }
  ByteWriter writer(out.first(std::min(limit, out.size())), size);
  write_opt_record(writer, query, Rcode::kNoError, error);
  if (!writer.ok()) {
    return size;
  }
  out[10] = 0;
  out[11] = 1;
  return writer.size();
}

}  // namespace cenote
