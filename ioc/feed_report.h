// What an importer made of a feed, kept whole: the sink behind `cenote feed check`, dry runs and tests. It
// holds every entry as text, so it is for looking at one feed, not for building a snapshot.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "ioc/parse.h"

namespace cenote {

struct FeedReportRow {
  uint64_t line = 0;
  std::string text;  // reject: as received, cut at kReportTextBytes; hold: as in the list
  std::string reason;
};
constexpr size_t kReportTextBytes = 512;

// The contract's line of one entry: "E name", "S name", "W name", "I address-or-net", "A name" (allowed).
std::string format_entry(const Indicator& indicator);

class FeedReport : public FeedSink {
 public:
  // REQUIRES: only the first `most_rows` rejects and holds are kept; all are counted.
  explicit FeedReport(size_t most_rows = SIZE_MAX) : most_rows_(most_rows) {}

  void accept(const Indicator& indicator, uint64_t line) override;
  void hold(const Indicator& indicator, uint64_t line, std::string_view reason) override;
  void reject(const Reject& reject) override;
  void clear();

  // Every accepted entry once, sorted by bytes.
  [[nodiscard]] std::vector<std::string> list() const;
  [[nodiscard]] size_t names() const;      // distinct blocked names, whatever their scope
  [[nodiscard]] size_t addresses() const;  // distinct blocked addresses and nets
  [[nodiscard]] size_t allowed() const;
  [[nodiscard]] size_t accepted_rows() const noexcept { return accepted_rows_; }
  [[nodiscard]] size_t rejected_rows() const noexcept { return rejected_rows_; }
  [[nodiscard]] size_t held_rows() const noexcept { return held_rows_; }
  [[nodiscard]] size_t held_names() const;  // distinct
  [[nodiscard]] const std::vector<FeedReportRow>& rejects() const noexcept { return rejects_; }
  [[nodiscard]] const std::vector<FeedReportRow>& holds() const noexcept { return holds_; }

 private:
  size_t most_rows_;
  size_t accepted_rows_ = 0;
  size_t rejected_rows_ = 0;
  size_t held_rows_ = 0;
  std::vector<std::string> entries_;  // with repeats: sorting at the end beats a set of millions
  std::set<std::string> held_;
  std::vector<FeedReportRow> rejects_;
  std::vector<FeedReportRow> holds_;
};

}  // namespace cenote
