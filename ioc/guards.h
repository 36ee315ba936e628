// Entries that do more harm than good when they act at once, and so wait for a person: what covers a top
// site, a name that work depends on, a name of a warninglist or every customer of a service, what is a wide
// block of addresses, or, taken out of a URL, a host that many people share. An entry is held when it
// *covers* such a name: the name itself, or with "everything below" a name above it. What lies below a
// popular name is not held, for that is where attackers rent. The settings may make any of these guards
// reject instead, or switch it off. Where several guards catch an entry, one that rejects it decides.
//
// Threads: immutable after load(), so any thread may ask.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ioc/address_index.h"
#include "ioc/feed.h"
#include "ioc/suffixes.h"
#include "resolver/base/result.h"

namespace cenote {

class Guards {
 public:
  struct Hold {
    std::string_view reason;   // a member of EntryGuards by its name; lives for ever
    std::string why;           // for people: what would be blocked, and where that is written
    bool is_rejected = false;  // nobody is to be asked
  };

  Guards() = default;  // none
  // A file that cannot be read is said in the log, and its guard is the built-in one or none.
  static Guards load(const GuardSettings& settings, const std::string& base_dir);

  // `feed`: what that feed's settings say otherwise.
  [[nodiscard]] std::optional<Hold> check(const Indicator& indicator, const FeedGuards& feed = {}) const;
  // Of an entry for everything below a private public suffix, which the parser finds.
  [[nodiscard]] std::optional<Hold> check_private_suffix(const FeedGuards& feed = {}) const;
  // Differs when another set of entries would be held.
  [[nodiscard]] const std::string& fingerprint() const noexcept { return fingerprint_; }
  [[nodiscard]] size_t names() const noexcept { return names_.size(); }

 private:
  struct List {
    std::string_view reason;
    std::string title;
    GuardAction action;
  };
  struct Guarded {
    int32_t list = -1;         // which guards this very name, first one that rejects; -1: none
    int32_t below = -1;        // a guarded name below it likewise, as a number of `texts_`; -1: none
    bool is_shared = false;    // pages of many people
    bool is_top_site = false;  // a host below it may be shared as well, whether or not it is guarded itself
  };
  struct Range {
    AddressIndex::Number first;
    AddressIndex::Number last;
    uint32_t list;
  };
  struct Ranges {
    std::vector<Range> v4;
    std::vector<Range> v6;
  };

  int32_t add_list(std::string_view reason, std::string title, GuardAction action);
  void add_name(std::string_view text, int32_t list);
  void add_shared_host(std::string_view text);
  void add_block(const Prefix& prefix, int32_t list);
  void add_lists(const GuardSettings& settings, const std::string& base_dir, bool rejecting);
  void add_top_sites(const GuardSettings& settings, const std::string& base_dir);
  void add_warninglist(const std::string& path, GuardAction action);
  void finish();
  [[nodiscard]] std::optional<Hold> check_name(const Indicator& indicator) const;
  [[nodiscard]] std::optional<std::string> shared_by_many(const Name& host) const;
  [[nodiscard]] std::optional<Hold> check_block(const Prefix& prefix, GuardAction wide) const;
  [[nodiscard]] std::optional<Hold> touched(const Ranges& blocks, const Prefix& prefix) const;
  [[nodiscard]] const Guarded* find(const Name& name) const;
  [[nodiscard]] Hold covers(std::string_view name, int32_t list) const;

  EntryGuards actions_;
  unsigned widest_ipv4_ = 0;
  unsigned widest_ipv6_ = 0;
  std::vector<List> lists_;
  std::vector<std::string> texts_;
  struct BytesHash {
    using is_transparent = void;
    size_t operator()(std::string_view bytes) const noexcept { return std::hash<std::string_view>{}(bytes); }
  };
  std::unordered_map<std::string, Guarded, BytesHash, std::equal_to<>> names_;  // by wire form
  Ranges rejected_blocks_;
  Ranges held_blocks_;
  std::string fingerprint_;
};

// The names and blocks of a guard file: a MISP warninglist (JSON), or one name or block a line, the last
// field of a comma list ("1,example.com"), "#" for comments. What is neither name nor address is left out.
struct GuardFile {
  std::string title;
  std::vector<std::string> names;  // canonical
  std::vector<Prefix> blocks;
};
Result<GuardFile> read_guard_file(const std::string& path);
Result<GuardFile> parse_guard_file(std::string_view text);

}  // namespace cenote
