// Writes an answer, in place if need be: the header, the question (letter case kept) and then records. The
// output may be the very buffer that holds the query.
#pragma once

#include "resolver/dns/extended_error.h"
#include "resolver/dns/query_message.h"

namespace cenote {

// What the OPT record of the answer to `query` needs at least: all but an extended error and padding. 0: none
// is sent.
size_t opt_bytes(const QueryMessage& query) noexcept;

class AnswerWriter {
 public:
  // Copies the question of `query` out of `message` (which may be `out` itself). At most `limit` bytes are
  // written: what a UDP client takes, or 65535. REQUIRES: out.size() >= limit >= 512.
  AnswerWriter(MutableBytes out, size_t limit, const QueryMessage& query, Bytes message) noexcept;

  // Owner names are compressed where they end like the question. False: it does not fit, nothing was
  // written, and finish() will set TC.
  bool answer(const Name& owner, uint16_t type, uint32_t ttl, Bytes rdata) noexcept;
  bool authority(const Name& owner, uint16_t type, uint32_t ttl, Bytes rdata) noexcept;

  // The OPT record comes last (so the extended error can be dropped first when space is short); it is written
  // only if the query had one (RFC 6891 section 6.1.1). `text` is borrowed until finish().
  void extended_error(Ede code, std::string_view text) noexcept;
  // How long that text may be, after what was written so far.
  [[nodiscard]] size_t error_room() const noexcept;

  // Completes the header and the OPT; returns the answer's size. `flags`: AA, AD or so, beside QR, RD, RA, CD
  // and the rcode that are set here.
  size_t finish(Rcode rcode, uint16_t flags = 0) noexcept;

 private:
  enum class Section : uint8_t { kAnswer, kAuthority };
  bool record(Section section, const Name& owner, uint16_t type, uint32_t ttl, Bytes rdata) noexcept;
  void write_owner(ByteWriter& writer, const Name& owner) const noexcept;
  void write_opt(Rcode rcode) noexcept;

  MutableBytes out_;   // all that may be written
  ByteWriter writer_;  // without what the OPT record needs
  const QueryMessage& query_;
  uint16_t answers_ = 0;
  uint16_t authorities_ = 0;
  bool truncated_ = false;
  bool has_error_ = false;
  Ede error_ = Ede::kOther;
  std::string_view error_text_;
};

// An answer without records: FORMERR, REFUSED, SERVFAIL, BADVERS ... Returns its size.
size_t write_error(MutableBytes out, const QueryMessage& query, Bytes message, Rcode rcode) noexcept;
size_t write_error(MutableBytes out, const QueryMessage& query, Bytes message, Rcode rcode, Ede code,
                   std::string_view text) noexcept;

// Appends an OPT record for `query` to a finished message of `size` bytes that has none: DO copied, the
// extended errors given. Returns the new size, or the old one when it would exceed `limit`.
size_t append_opt(MutableBytes out, size_t size, size_t limit, const QueryMessage& query,
                  const ExtendedError* error = nullptr) noexcept;

}  // namespace cenote
