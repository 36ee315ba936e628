#include "ioc/snapshot_difference.h"

#include "ioc/name_key.h"
#include "ioc/snapshot_sources.h"

namespace cenote {
namespace {

void compare_names(Source& before, Source& after, std::vector<FeedDifference>& out) {
  Gathered was;
  Gathered is;
  bool has_before = before.next_name();
  bool has_after = after.next_name();
  while (has_before || has_after) {
    const bool is_later = has_before && has_after && is_key_before(after.key(), before.key());
    const bool is_earlier = has_before && has_after && is_key_before(before.key(), after.key());
    const bool takes_before = has_before && !is_later;
    const bool takes_after = has_after && !is_earlier;
    was.clear();
    is.clear();
    if (takes_before) {
      before.gather_name(was);
      has_before = before.next_name();
    }
    if (takes_after) {
      after.gather_name(is);
      has_after = after.next_name();
    }
    count_differences(was.before, is.before, out);
  }
}

void compare_blocks(Source& before, Source& after, std::vector<FeedDifference>& out) {
  Blocks was;
  Blocks is;
  before.gather_blocks(was);
  after.gather_blocks(is);
  for (auto& [prefix, gathered] : was) {
    count_differences(gathered.before, is[prefix].before, out);
  }
  for (auto& [prefix, gathered] : is) {
    if (!was.contains(prefix)) {
      std::vector<EntryOf> nothing;
      count_differences(nothing, gathered.before, out);
    }
  }
}

}  // namespace

std::vector<FeedDifference> compare_snapshots(const CompiledSnapshot& before, const Overlay* overlay,
                                              const CompiledSnapshot& after,
                                              const std::vector<std::string>& feeds) {
  // To a source each of these feeds is being replaced: it tells their entries and makes no records of them.
  const FeedRun none;
  std::vector<FeedPart> parts;
  for (const std::string& feed : feeds) {
    parts.push_back({feed, &none});
  }
  RecordTableBuilder table;
  Categories categories(table.texts);
  const auto was = make_layers_source(before, overlay, parts, table, categories);
  const auto is = make_layers_source(after, nullptr, parts, table, categories);
  std::vector<FeedDifference> differences(feeds.size());
  compare_names(*was, *is, differences);
  compare_blocks(*was, *is, differences);
  return differences;
}

}  // namespace cenote
