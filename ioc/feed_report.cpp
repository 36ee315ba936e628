#include "ioc/feed_report.h"

#include <algorithm>

namespace cenote {
namespace {

std::vector<std::string> sorted_unique(std::vector<std::string> texts) {
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  return texts;
}

// How many different texts follow one of the marks ("ESW") and the blank.
size_t count_marked(const std::vector<std::string>& entries, std::string_view marks) {
  std::vector<std::string> texts;
  for (const std::string& entry : entries) {
    if (marks.find(entry[0]) != std::string_view::npos) {
      texts.push_back(entry.substr(2));
    }
  }
  return sorted_unique(std::move(texts)).size();
}

}  // namespace

std::string format_entry(const Indicator& indicator) {
  const bool is_name = indicator.kind == Indicator::Kind::kName;
  const char mark = indicator.allow                     ? 'A'
                    : !is_name                          ? 'I'
                    : indicator.scope == Scope::kExact  ? 'E'
                    : indicator.scope == Scope::kSuffix ? 'S'
                                                        : 'W';
  return std::string{mark, ' '} + (is_name ? indicator.name.to_text() : indicator.prefix.to_text());
}

void FeedReport::accept(const Indicator& indicator, uint64_t /*line*/) {
  ++accepted_rows_;
  entries_.push_back(format_entry(indicator));
}

void FeedReport::hold(const Indicator& indicator, uint64_t line, std::string_view reason) {
  ++held_rows_;
  std::string entry = format_entry(indicator);
  if (holds_.size() < most_rows_) {
    holds_.push_back({line, entry, std::string(reason)});
  }
  held_.insert(std::move(entry));
}

void FeedReport::reject(const Reject& reject) {
  ++rejected_rows_;
  if (rejects_.size() < most_rows_) {
    rejects_.push_back(
        {reject.line, std::string(reject.text.substr(0, kReportTextBytes)), std::string(reject.reason)});
  }
}

void FeedReport::clear() {
  *this = FeedReport(most_rows_);
}

std::vector<std::string> FeedReport::list() const {
  return sorted_unique(entries_);
}
size_t FeedReport::names() const {
  return count_marked(entries_, "ESW");
}
size_t FeedReport::addresses() const {
  return count_marked(entries_, "I");
}
size_t FeedReport::allowed() const {
  return count_marked(entries_, "A");
}
size_t FeedReport::held_names() const {
  return held_.size();
}

}  // namespace cenote
