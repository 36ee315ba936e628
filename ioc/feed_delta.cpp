#include "ioc/feed_delta.h"

#include <algorithm>
#include <compare>

#include "ioc/address_index.h"
#include "ioc/name_key.h"

namespace cenote {
namespace {

char mark_of(const RunRecord& record, bool is_name) {
  return record.action == Action::kAllow  ? 'A'
         : !is_name                       ? 'I'
         : record.scope == Scope::kExact  ? 'E'
         : record.scope == Scope::kSuffix ? 'S'
                                          : 'W';
}

// The entries of one run with the same key, by their marks.
struct Group {
  Bytes key;
  std::string marks;  // sorted, each once
};

class NameWalk {
 public:
  explicit NameWalk(const FeedRun& run) : run_(run), names_(run.names()) { next(); }
  [[nodiscard]] bool is_done() const { return is_done_; }
  [[nodiscard]] const Group& group() const { return group_; }

  void next() {
    is_done_ = !names_.next();
    if (is_done_) {
      return;
    }
    group_ = {names_.key(), {}};
    for (const uint32_t record : names_.numbers()) {
      group_.marks += mark_of(run_.records()[record], true);
    }
    std::sort(group_.marks.begin(), group_.marks.end());
    group_.marks.erase(std::unique(group_.marks.begin(), group_.marks.end()), group_.marks.end());
  }

 private:
  const FeedRun& run_;
  SortedNamesReader names_;
  bool is_done_ = false;
  Group group_;
};

void name_entry(std::vector<std::string>& names, char mark, const std::string& text) {
  if (names.size() < kDeltaNames) {
    names.push_back(std::string{mark, ' '} + text);
  }
}

std::string text_of(Bytes key) {
  Name name;
  return name_from_key(key, name) ? name.to_text() : std::string();
}

void count_names(const Group* before, const Group* after, FeedDelta& out) {
  const std::string_view was = before != nullptr ? std::string_view(before->marks) : std::string_view();
  const std::string_view is = after != nullptr ? std::string_view(after->marks) : std::string_view();
  for (const char mark : is) {
    if (was.find(mark) != std::string_view::npos) {
      ++out.unchanged;
    } else {
      ++out.added;
      name_entry(out.first_added, mark, text_of(after->key));
    }
  }
  for (const char mark : was) {
    if (is.find(mark) == std::string_view::npos) {
      ++out.removed;
      name_entry(out.first_removed, mark, text_of(before->key));
    }
  }
}

void compare_names(const FeedRun& before, const FeedRun& after, FeedDelta& out) {
  NameWalk was(before);
  NameWalk is(after);
  while (!was.is_done() || !is.is_done()) {
    const auto order = was.is_done()  ? std::strong_ordering::greater
                       : is.is_done() ? std::strong_ordering::less
                                      : std::lexicographical_compare_three_way(
                                            was.group().key.begin(), was.group().key.end(),
                                            is.group().key.begin(), is.group().key.end());
    count_names(order <= 0 ? &was.group() : nullptr, order >= 0 ? &is.group() : nullptr, out);
    if (order <= 0) {
      was.next();
    }
    if (order >= 0) {
      is.next();
    }
  }
}

std::vector<std::string> blocks_of(const FeedRun& run) {
  std::vector<std::string> texts;
  for (const FeedRun::Block& block : run.blocks()) {
    texts.push_back(std::string{mark_of(run.records()[block.record], false), ' '} + block.prefix.to_text());
  }
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  return texts;
}

void take_some(const std::vector<std::string>& all, std::vector<std::string>& names) {
  const size_t room = kDeltaNames - std::min(kDeltaNames, names.size());
  names.insert(names.end(), all.begin(), all.begin() + static_cast<ptrdiff_t>(std::min(room, all.size())));
}

}  // namespace

FeedDelta compare_runs(const FeedRun& before, const FeedRun& after) {
  FeedDelta delta;
  compare_names(before, after, delta);
  const auto was = blocks_of(before);
  const auto is = blocks_of(after);
  std::vector<std::string> added;
  std::vector<std::string> removed;
  std::set_difference(is.begin(), is.end(), was.begin(), was.end(), std::back_inserter(added));
  std::set_difference(was.begin(), was.end(), is.begin(), is.end(), std::back_inserter(removed));
  delta.added += added.size();
  delta.removed += removed.size();
  delta.unchanged += is.size() - added.size();
  take_some(added, delta.first_added);
  take_some(removed, delta.first_removed);
  return delta;
}

}  // namespace cenote
