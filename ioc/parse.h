// The door to every feed format: bytes in, indicators out, in bounded memory. Decompresses, decodes,
// recognises, reads and normalises; docs/security-team.md lists what each format accepts and the words of
// every reject.
//
// Threads: a parser belongs to one thread (the updater's, or the command line's). The sink outlives it. It
// does not fetch, does not store and does not compare with other feeds or popular names: that is for the
// guards behind it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ioc/indicator.h"
#include "resolver/base/bytes.h"
#include "resolver/base/result.h"

namespace cenote {

class PublicSuffixes;

// One line (JSON: object, counted from 1) that cannot be used, and why, in one word: "bad_char",
// "icann_suffix".
struct Reject {
  uint64_t line = 0;
  std::string_view text;    // as received; may hold anything, so show it only through printable()
  std::string_view reason;  // lives for ever
};

// Where a parser hands over what it finds, in the order of the feed. Texts hold only during the call.
class FeedSink {
 public:
  virtual ~FeedSink() = default;
  virtual void accept(const Indicator& indicator, uint64_t line) = 0;
  // Good, but dangerous enough for a guard to judge it: "private_suffix" with everything below.
  virtual void hold(const Indicator& indicator, uint64_t line, std::string_view reason) = 0;
  virtual void reject(const Reject& reject) = 0;
};

struct ParseOptions {
  std::string format = "auto";
  std::optional<Scope> scope{};  // instead of the format's own; a mark in the line ("*.x") still counts
  std::string encoding{};        // "shift_jis", "utf-16le", ...; empty: UTF-8, or what a byte order mark says
  std::string origin{};          // rpz: the zone's name
  std::string column{};          // csv: name or number (from 1) of the indicator's column
  std::optional<bool> header{};  // csv: whether the first row names the columns; unset: look
  char delimiter = '\0';         // csv; '\0': look
  std::string type_column{};     // csv: name or number, and so all that follow; empty: found by usual names
  std::string threat_column{};
  std::string reference_column{};
  std::string confidence_column{};  // 0 to 100
  std::string first_seen_column{};
  std::string valid_until_column{};  // empty: none
  std::string note_column{};         // empty: none
  std::vector<std::string> types{};  // csv: only rows of these types; empty: the network types that are known
  bool all_ids = false;              // misp: also attributes without to_ids
  std::vector<Name> own{};           // names that no feed may block: at, below, and above for wide scopes
  const PublicSuffixes* suffixes = nullptr;  // nullptr: the system's list
  uint64_t max_inflated = 256ULL << 20;      // a compressed feed beyond this is refused
  uint64_t max_document = 256ULL << 20;      // JSON and YAML are held whole
};

// The options of a feed as users write them: scope, encoding, origin, column, header, delimiter, *_column,
// types (comma list), all_ids. An error names the unknown key or the wrong value.
Result<ParseOptions> read_parse_options(const std::string& format,
                                        const std::map<std::string, std::string>& options);

// The formats by name, "auto" first.
std::vector<std::string_view> format_names();

class FeedParser {
 public:
  virtual ~FeedParser() = default;
  // An error refuses the whole feed (an HTML page, a decompression bomb, broken JSON): whatever the sink got
  // before must be dropped, and the parser is of no further use.
  virtual Result<void> feed(Bytes chunk) = 0;
  virtual Result<void> finish() = 0;
  // What "auto" settled on; empty before it did.
  [[nodiscard]] virtual std::string_view format() const noexcept = 0;
};

Result<std::unique_ptr<FeedParser>> make_parser(const ParseOptions& options, FeedSink& sink);

// All of it at once, for pushes and small files.
Result<void> parse_feed(std::string_view body, const ParseOptions& options, FeedSink& sink);

}  // namespace cenote
