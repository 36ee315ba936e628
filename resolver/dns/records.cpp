#include "resolver/dns/records.h"

namespace cenote {
namespace {

// Moves behind the name that stands there; what a pointer leads to is not looked at.
void skip_name(ByteReader& reader) noexcept {
  while (reader.ok()) {
    const uint8_t length = reader.u8();
    if (length == 0) {
      return;
    }
    if (length > kMaxLabelBytes) {
      (length & 0xC0) == 0xC0 ? reader.skip(1) : reader.fail();
      return;
    }
    reader.skip(length);
  }
}

}  // namespace

RecordReader::RecordReader(Bytes message) noexcept : reader_(message) {
  read_header();
  Name::read(reader_, question_name_);
  read_behind_name();
}

RecordReader::RecordReader(Bytes message, const Name& question) noexcept
    : reader_(message), question_name_(question) {
  read_header();
  reader_.skip(question.size());
  read_behind_name();
}

void RecordReader::read_header() noexcept {
  const Bytes header = reader_.bytes(kHeaderBytes);
  if (header.empty()) {
    return;
  }
  id_ = u16_at(header, 0);
  flags_ = u16_at(header, 2);
  if (u16_at(header, 4) != 1) {
    reader_.fail();
  }
  left_ = {u16_at(header, 6), u16_at(header, 8), u16_at(header, 10)};
}

void RecordReader::read_behind_name() noexcept {
  question_type_ = reader_.u16();
  question_class_ = reader_.u16();
  question_end_ = reader_.offset();
}

bool RecordReader::read_owner(ByteReader& reader, const Name& question_name, Name& out) noexcept {
  // A pointer to the question, as most owners are.
  if (reader.remaining() >= 2 && u16_at(reader.all(), reader.offset()) == (0xC000 | kHeaderBytes)) {
    reader.skip(2);
    out = question_name;
    return true;
  }
  // The root, as an OPT record's is.
  if (reader.remaining() >= 1 && reader.all()[reader.offset()] == 0) {
    reader.skip(1);
    out = Name();
    return true;
  }
  return Name::read(reader, out);
}

bool RecordReader::read_owner(RecordView& record) noexcept {
  ByteReader reader(reader_.all(), record.start);
  if (!read_owner(reader, question_name_, record.owner)) {
    reader_.fail();
    return false;
  }
  return true;
}

bool RecordReader::next(RecordView& out) noexcept {
  return begin_record(out) && read_owner(reader_, question_name_, out.owner) && finish_record(out);
}

bool RecordReader::next_unnamed(RecordView& out) noexcept {
  if (!begin_record(out)) {
    return false;
  }
  skip_name(reader_);
  return finish_record(out);
}

bool RecordReader::begin_record(RecordView& out) noexcept {
  size_t section = 0;
  while (section < left_.size() && left_[section] == 0) {
    ++section;
  }
  if (section == left_.size() || !reader_.ok()) {
    return false;
  }
  --left_[section];
  out.section = static_cast<Section>(section);
  out.start = reader_.offset();
  return true;
}

bool RecordReader::finish_record(RecordView& out) noexcept {
  constexpr size_t kFixedBytes = 10;  // type, class, TTL, size of the data
  const Bytes fixed = reader_.bytes(kFixedBytes);
  if (fixed.empty()) {
    return false;
  }
  out.rdata_offset = reader_.offset();
  out.type = u16_at(fixed, 0);
  out.klass = u16_at(fixed, 2);
  out.ttl_offset = out.rdata_offset - 6;
  out.ttl_bits = u32_at(fixed, 4);
  out.ttl = (out.ttl_bits & 0x80000000U) != 0 ? 0 : out.ttl_bits;  // RFC 2181 section 8
  out.rdata_size = u16_at(fixed, 8);
  reader_.skip(out.rdata_size);
  return reader_.ok();
}

bool read_rdata_name(Bytes message, const RecordView& record, size_t skip, Name& out) noexcept {
  ByteReader reader(message.first(record.end()), record.rdata_offset + skip);
  return record.rdata_size > skip && Name::read(reader, out);
}

size_t read_soa(Bytes message, const RecordView& record, MutableBytes out) noexcept {
  ByteReader reader(message.first(record.end()), record.rdata_offset);
  ByteWriter writer(out);
  for (int i = 0; i < 2; ++i) {
    Name name;
    if (!Name::read(reader, name)) {
      return 0;
    }
    writer.bytes(name.wire());
  }
  writer.bytes(reader.bytes(20));
  return reader.ok() && writer.ok() ? writer.size() : 0;
}

uint32_t lifetime_of(Bytes message) noexcept {
  RecordReader reader(message);
  RecordView record;
  uint32_t least = UINT32_MAX;
  while (reader.next_unnamed(record)) {
    if (record.section == Section::kAdditional) {
      break;
    }
    least = std::min(least, record.ttl);
    if (record.type == rrtype::kSoa && record.section == Section::kAuthority && record.rdata_size >= 4) {
      ByteReader minimum(message, record.end() - 4);
      least = std::min(least, minimum.u32());
    }
  }
  return reader.ok() && least != UINT32_MAX ? least : 0;
}

namespace detail {

bool next_service_parameter(ByteReader& reader, ServiceParameter& out) noexcept {
  if (reader.remaining() == 0) {
    return false;
  }
  out.key = reader.u16();
  out.value = reader.bytes(reader.u16());
  return reader.ok();
}

}  // namespace detail
}  // namespace cenote
