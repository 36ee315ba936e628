// Reads the records of a message one by one, bounded, without an allocation. Rdata stays in the message;
// names inside it are read with Name::read at their offset, since they may be compressed.
#pragma once

#include "resolver/dns/name.h"
#include "resolver/dns/types.h"

namespace cenote {

enum class Section : uint8_t { kAnswer, kAuthority, kAdditional };

struct RecordView {
  Section section = Section::kAnswer;
  Name owner;
  uint16_t type = 0;
  uint16_t klass = 0;
  uint32_t ttl = 0;       // seconds
  uint32_t ttl_bits = 0;  // as received: an OPT record keeps other things there (RFC 6891 section 6.1.3)
  size_t start = 0;       // offset of the owner name
  size_t ttl_offset = 0;
  size_t rdata_offset = 0;
  uint16_t rdata_size = 0;

  [[nodiscard]] size_t end() const noexcept { return rdata_offset + rdata_size; }
};

class RecordReader {
 public:
  // Starts behind the question. The message must have exactly one; ok() is false otherwise.
  explicit RecordReader(Bytes message) noexcept;
  // The same where the question's name is known, and need not be read. REQUIRES: it stands there.
  RecordReader(Bytes message, const Name& question) noexcept;

  bool next(RecordView& out) noexcept;  // false at the end, and on a violation: ask ok()
  // The same without the owner, whose name is passed over: reading one that a hostile sender has chained
  // together costs as much as a hundred records.
  bool next_unnamed(RecordView& out) noexcept;
  // The owner of the record that was read last. False: it is malformed, and so is the message.
  bool read_owner(RecordView& record) noexcept;
  [[nodiscard]] bool ok() const noexcept { return reader_.ok(); }

  [[nodiscard]] uint16_t id() const noexcept { return id_; }
  [[nodiscard]] uint16_t flags() const noexcept { return flags_; }
  [[nodiscard]] const Name& question_name() const noexcept { return question_name_; }
  [[nodiscard]] uint16_t question_type() const noexcept { return question_type_; }
  [[nodiscard]] uint16_t question_class() const noexcept { return question_class_; }
  [[nodiscard]] size_t question_end() const noexcept { return question_end_; }

 private:
  void read_header() noexcept;
  void read_behind_name() noexcept;
  bool begin_record(RecordView& out) noexcept;
  bool finish_record(RecordView& out) noexcept;
  static bool read_owner(ByteReader& reader, const Name& question_name, Name& out) noexcept;

  ByteReader reader_;
  uint16_t id_ = 0;
  uint16_t flags_ = 0;
  std::array<uint16_t, 3> left_{};
  Name question_name_;
  uint16_t question_type_ = 0;
  uint16_t question_class_ = 0;
  size_t question_end_ = 0;
};

// The first name in a record's rdata, at `skip` bytes behind its start (CNAME 0, SVCB 2, MX 2 ...).
bool read_rdata_name(Bytes message, const RecordView& record, size_t skip, Name& out) noexcept;

// Writes the rdata of an SOA with its names whole; returns its size, 0: it is malformed. REQUIRES: room for
// two names and 20 bytes.
size_t read_soa(Bytes message, const RecordView& record, MutableBytes out) noexcept;

// For how many seconds a whole answer holds: the least TTL of its records; without data the SOA's MINIMUM
// counts, too (RFC 2308 section 5). 0 when there is nothing to go by.
uint32_t lifetime_of(Bytes message) noexcept;

// Calls `on_target(Name)` for the target and `on_hint(Bytes)` for each ipv4hint and ipv6hint of an HTTPS or
// SVCB record (RFC 9460 sections 2.2 and 7.3), as far as it can be read. False: the rdata is malformed.
template <typename OnTarget, typename OnHint>
bool read_service_binding(Bytes message, const RecordView& record, OnTarget&& on_target,
                          OnHint&& on_hint) noexcept;

namespace detail {
struct ServiceParameter {
  uint16_t key = 0;
  Bytes value;
};
bool next_service_parameter(ByteReader& reader, ServiceParameter& out) noexcept;
}  // namespace detail

template <typename OnTarget, typename OnHint>
bool read_service_binding(Bytes message, const RecordView& record, OnTarget&& on_target,
                          OnHint&& on_hint) noexcept {
  constexpr uint16_t kIpv4Hint = 4;
  constexpr uint16_t kIpv6Hint = 6;
  ByteReader reader(message.first(record.end()), record.rdata_offset);
  reader.skip(2);
  Name target;
  if (!reader.ok() || !Name::read(reader, target)) {
    return false;
  }
  on_target(target);
  bool is_good = true;
  detail::ServiceParameter parameter;
  while (detail::next_service_parameter(reader, parameter)) {
    const size_t width = parameter.key == kIpv4Hint ? 4 : parameter.key == kIpv6Hint ? 16 : 0;
    if (width == 0) {
      continue;
    }
    is_good = is_good && parameter.value.size() % width == 0;
    for (size_t at = 0; at + width <= parameter.value.size(); at += width) {
      on_hint(parameter.value.subspan(at, width));
    }
  }
  return is_good && reader.ok();
}

}  // namespace cenote
