#include "resolver/dns/records.h"

namespace cenote {

RecordReader::RecordReader(Bytes message) noexcept : reader_(message) {
  id_ = reader_.u16();
  flags_ = reader_.u16();
  const uint16_t questions = reader_.u16();
  for (uint16_t& count : left_) {
    count = reader_.u16();
  }
  if (questions != 1 || !Name::read(reader_, question_name_)) {
    reader_.fail();
    return;
  }
  question_type_ = reader_.u16();
  question_class_ = reader_.u16();
  question_end_ = reader_.offset();
}

bool RecordReader::next(RecordView& out) noexcept {
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
  if (!Name::read(reader_, out.owner)) {
    return false;
  }
  out.type = reader_.u16();
  out.klass = reader_.u16();
  out.ttl_offset = reader_.offset();
  out.ttl_bits = reader_.u32();
  out.ttl = (out.ttl_bits & 0x80000000U) != 0 ? 0 : out.ttl_bits;  // RFC 2181 section 8
  out.rdata_size = reader_.u16();
  out.rdata_offset = reader_.offset();
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
  while (reader.next(record)) {
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
