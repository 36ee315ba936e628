#include "resolver/dns/message_builder.h"

namespace cenote {
namespace {

// How the rdata of the types is laid out that may hold compressed names: 'n' a name, '1' to '9' that many
// fixed bytes, 's' a character-string, '*' the rest. RFC 1035 section 3.3, and RFC 3597 section 4 for those
// after it, which must not be sent compressed but may be received so. Addresses are here for their size.
// Other types are opaque.
std::string_view layout_of(uint16_t type) noexcept {
  switch (type) {
    case rrtype::kA:
      return "4";
    case rrtype::kAaaa:
      return "88";
    case rrtype::kNs:
    case rrtype::kCname:
    case rrtype::kPtr:
    case rrtype::kDname:
    case 3:  // MD
    case 4:  // MF
    case 7:  // MB
    case 8:  // MG
    case 9:  // MR
      return "n";
    case 14:  // MINFO
    case 17:  // RP
      return "nn";
    case rrtype::kSoa:
      return "nn*";
    case rrtype::kMx:
    case 18:  // AFSDB
    case 21:  // RT
    case 36:  // KX
      return "2n";
    case 26:  // PX
      return "2nn";
    case rrtype::kSrv:
      return "6n";
    case rrtype::kNaptr:
      return "4sssn";
    default:
      return "*";
  }
}

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
  if ((record.type == rrtype::kHttps || record.type == rrtype::kSvcb) &&
      !is_service_binding(message, record)) {
    return false;
  }
  ByteReader reader(message.first(record.end()), record.rdata_offset);
  const auto copy = [&](size_t size) { writer_.bytes(reader.bytes(size)); };
  for (const char part : layout_of(record.type)) {
    if (part == 'n') {
      Name name;
      if (!Name::read(reader, name)) {
        return false;
      }
      write_name(name, may_compress(record.type));
    } else if (part == 's') {
      const size_t length = reader.remaining() > 0 ? message[reader.offset()] : 0;
      copy(length + 1);
    } else {
      copy(part == '*' ? reader.remaining() : static_cast<size_t>(part - '0'));
    }
  }
  return reader.ok() && reader.remaining() == 0;
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
