// Builds a message out of records of another one: names are decompressed, checked and compressed anew, so
// that nothing points to what was left out. Off the hot path: it runs once per answer that comes from an
// upstream.
#pragma once

#include <vector>

#include <boost/container/small_vector.hpp>

#include "resolver/dns/records.h"
#include "resolver/dns/written_tails.h"

namespace cenote {

class MessageBuilder {
 public:
  MessageBuilder(const Name& question, uint16_t type);
  MessageBuilder(const MessageBuilder&) = delete;
  MessageBuilder& operator=(const MessageBuilder&) = delete;

  // Copies one record of `message`. Records of a section must come together, answers first.
  // False: a field of its rdata cannot be read, or the result would exceed 65535 bytes.
  // REQUIRES: is_well_formed(), else the copy is as malformed.
  bool add(Section section, Bytes message, const RecordView& record);
  void drop_authority();  // takes back what was added to the authority section

  void finish(Rcode rcode, std::vector<uint8_t>& message, std::vector<uint16_t>& ttl_offsets);

 private:
  void note_question();
  [[nodiscard]] bool is_written(Bytes tail, size_t offset) const noexcept;
  void write_name(const Name& name, bool compress);
  bool write_rdata(Bytes message, const RecordView& record);

  Name question_;
  std::array<uint8_t, kMaxMessageBytes> bytes_;
  ByteWriter writer_{bytes_};
  boost::container::small_vector<uint16_t, 16> ttl_offsets_;
  WrittenTails tails_;  // written so far
  std::array<uint16_t, 2> counts_{};
  size_t authority_start_ = 0;
};

}  // namespace cenote
