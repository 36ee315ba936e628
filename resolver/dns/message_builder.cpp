#include "resolver/dns/message_builder.h"

#include "resolver/dns/rdata_check.h"

namespace cenote {
namespace {

// The types whose names a sender may compress (RFC 3597 section 4: only those of RFC 1035).
bool may_compress(uint16_t type) noexcept {
  return type == rrtype::kNs || type == rrtype::kCname || type == rrtype::kPtr || type == rrtype::kSoa ||
         type == rrtype::kMx;
}

}  // namespace

MessageBuilder::MessageBuilder(const Name& question, uint16_t type) : question_(question) {
  writer_.zeros(kHeaderBytes);
  writer_.bytes(question.wire());
  writer_.u16(type);
  writer_.u16(kClassIn);
}

// Before the first name that is another: most answers hold none.
void MessageBuilder::note_question() {
  if (!tails_.empty()) {
    return;
  }
  const NameLabels labels(question_);
  const TailHashes hashes(question_, labels);
  for (size_t i = 0; i < labels.count(); ++i) {
    tails_.add(hashes.of(i), kHeaderBytes + labels.offset(i));
  }
}

bool MessageBuilder::is_written(Bytes tail, size_t offset) const noexcept {
  Name written;
  ByteReader reader(writer_.written(), offset);
  return Name::read(reader, written) && is_same_name(written.wire(), tail);
}

void MessageBuilder::write_name(const Name& name, bool compress) {
  if (compress && !name.is_root() && name == question_) {
    writer_.u16(0xC000 | kHeaderBytes);
    return;
  }
  note_question();
  const NameLabels labels(name);
  const TailHashes hashes(name, labels);
  for (size_t i = 0; i < labels.count(); ++i) {
    const Bytes tail = name.wire().subspan(labels.offset(i));
    if (compress) {
      const auto is_same = [&](size_t offset) { return is_written(tail, offset); };
      if (const auto offset = tails_.find(hashes.of(i), is_same)) {
        writer_.u16(static_cast<uint16_t>(0xC000 | *offset));
        return;
      }
    }
    if (writer_.size() <= WrittenTails::kReach) {
      tails_.add(hashes.of(i), writer_.size());
    }
    writer_.bytes(tail.first(size_t{1} + tail[0]));
  }
  writer_.u8(0);
}

bool MessageBuilder::write_rdata(Bytes message, const RecordView& record) {
  ByteReader reader(message.first(record.end()), record.rdata_offset);
  const auto copy = [&](size_t size) { writer_.bytes(reader.bytes(size)); };
  for (const char field : rdata_fields(record.type)) {
    if (field == 'n') {
      Name name;
      if (!Name::read(reader, name)) {
        return false;
      }
      write_name(name, may_compress(record.type));
    } else if (field == 's') {
      const size_t length = reader.remaining() > 0 ? message[reader.offset()] : 0;
      copy(length + 1);
    } else if (field == 'p') {
      break;  // whole as it stands, like all that follows
    } else {
      copy(static_cast<size_t>(field - '0'));
    }
  }
  copy(reader.remaining());
  return reader.ok();
}

bool MessageBuilder::add(Section section, Bytes message, const RecordView& record) {
  if (section == Section::kAuthority && counts_[1] == 0) {
    authority_start_ = writer_.size();
  }
  write_name(record.owner, true);
  ttl_offsets_.push_back(static_cast<uint16_t>(writer_.size() + 4));
  writer_.u16(record.type);
  writer_.u16(record.klass);
  writer_.u32(record.ttl);
  writer_.u16(0);
  const size_t rdata_at = writer_.size();
  if (!write_rdata(message, record) || !writer_.ok()) {
    return false;
  }
  writer_.patch_u16(rdata_at - 2, static_cast<uint16_t>(writer_.size() - rdata_at));
  ++counts_[section == Section::kAnswer ? 0 : 1];
  return true;
}

void MessageBuilder::drop_authority() {
  if (counts_[1] == 0) {
    return;
  }
  writer_.roll_back(authority_start_);
  ttl_offsets_.resize(counts_[0]);
  counts_[1] = 0;
}

void MessageBuilder::finish(Rcode rcode, std::vector<uint8_t>& message, std::vector<uint16_t>& ttl_offsets) {
  ByteWriter header(MutableBytes(bytes_).first<kHeaderBytes>());
  header.u16(0);
  header.u16(static_cast<uint16_t>(flag::kQr | flag::kRd | flag::kRa |
                                   (static_cast<uint16_t>(rcode) & flag::kRcode)));
  header.u16(1);
  header.u16(counts_[0]);
  header.u16(counts_[1]);
  header.u16(0);
  message.assign(bytes_.begin(), bytes_.begin() + static_cast<ptrdiff_t>(writer_.size()));
  ttl_offsets.assign(ttl_offsets_.begin(), ttl_offsets_.end());
}

}  // namespace cenote
