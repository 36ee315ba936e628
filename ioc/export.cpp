#include "ioc/export.h"

#include <algorithm>
#include <map>

#include <fmt/ranges.h>

#include "ioc/export_writer.h"
#include "ioc/name_key.h"
#include "resolver/base/text.h"

namespace cenote {
namespace {

bool blocks(Action action) {
  return action >= Action::kNodata && action <= Action::kDrop;
}

// Walks all runs side by side in key order, so that each name is written once whoever lists it.
class Exporter {
 public:
  Exporter(std::span<const ExportSource> sources, const std::vector<ExceptionSettings>& exceptions,
           const ExportRequest& request, ExportTime time, ExportWriter& writer)
      : request_(request), time_(time), writer_(writer) {
    for (const ExportSource& source : sources) {
      if (request.feed.empty() || request.feed == source.feed) {
        sources_.push_back(source);
      }
    }
    for (const ExceptionSettings& exception : exceptions) {
      const bool holds = !exception.until || unix_seconds(*exception.until) > time.now;
      if (exception.client.empty() && holds) {
        exceptions_.emplace(exception.name, exception.exact);
      }
    }
  }

  std::string run() {
    for (const auto& [name, is_exact] : exceptions_) {
      if (!Prefix::from_text(name)) {
        writer_.exception(name, is_exact);
      }
    }
    write_names();
    write_blocks();
    std::string head =
        writer_.comment(fmt::format("Cenote generation {}: {} entries", time_.generation, written_));
    if (left_out_ != 0) {
      head += writer_.comment(fmt::format("{} more that this format cannot say", left_out_));
    }
    return writer_.finish(head, time_.generation);
  }

 private:
  struct Found {
    const FeedRun* run;
    const std::string* feed;
    const RunRecord* record;
  };

  [[nodiscard]] bool is_wanted(const FeedRun& run, const RunRecord& record) const {
    const bool holds =
        time_.now >= record.valid_from && (record.valid_until == 0 || time_.now < record.valid_until);
    return holds && blocks(record.action) &&
           (request_.category.empty() || run.texts().at(record.category) == request_.category);
  }
  [[nodiscard]] bool is_lifted(const std::string& text, Scope scope) const {
    const auto found = exceptions_.find(text);
    return found != exceptions_.end() && (!found->second || scope == Scope::kExact);
  }
  static ExportEntry entry_of(const Found& found) {
    const TextPool& texts = found.run->texts();
    return {found.record->scope,
            found.record->action,
            *found.feed,
            texts.at(found.record->category),
            texts.at(found.record->threat),
            texts.at(found.record->reference)};
  }
  void count(bool was_written) { ++(was_written ? written_ : left_out_); }

  void write_names() {
    struct Walk {
      const ExportSource* source;
      SortedNamesReader names;
      bool has_name;
    };
    std::vector<Walk> walks;
    for (const ExportSource& source : sources_) {
      walks.push_back({&source, source.run->names(), false});
      walks.back().has_name = walks.back().names.next();
    }
    std::vector<Found> found;
    std::vector<uint8_t> least;
    while (true) {
      const Walk* first = nullptr;
      for (const Walk& walk : walks) {
        if (walk.has_name && (first == nullptr || is_key_before(walk.names.key(), first->names.key()))) {
          first = &walk;
        }
      }
      if (first == nullptr) {
        return;
      }
      least.assign(first->names.key().begin(), first->names.key().end());
      found.clear();
      for (Walk& walk : walks) {
        if (!walk.has_name || !std::ranges::equal(walk.names.key(), least)) {
          continue;
        }
        for (const uint32_t number : walk.names.numbers()) {
          const RunRecord& record = walk.source->run->records()[number];
          if (is_wanted(*walk.source->run, record)) {
            found.push_back({walk.source->run, &walk.source->feed, &record});
          }
        }
        walk.has_name = walk.names.next();
      }
      write_name(least, found);
    }
  }

  // "And below" says all that the others say; the name alone and all below it are two entries, or one.
  void write_name(Bytes key, const std::vector<Found>& found) {
    Name name;
    if (found.empty() || !name_from_key(key, name)) {
      return;
    }
    const std::string text = name.to_text();
    std::array<const Found*, 3> of{};
    for (const Found& one : found) {
      const Found*& first = of[static_cast<size_t>(one.record->scope)];
      first = first == nullptr ? &one : first;
    }
    const Found* whole = of[static_cast<size_t>(Scope::kSuffix)];
    for (const Scope scope : {Scope::kExact, Scope::kSuffix, Scope::kBelow}) {
      const Found* one = of[static_cast<size_t>(scope)];
      if (one != nullptr && (whole == nullptr || one == whole) && !is_lifted(text, scope)) {
        count(writer_.name(text, entry_of(*one)));
      }
    }
  }

  void write_blocks() {
    std::map<std::string, bool> seen;
    for (const ExportSource& source : sources_) {
      for (const FeedRun::Block& block : source.run->blocks()) {
        const RunRecord& record = source.run->records()[block.record];
        const std::string text = block.prefix.to_text();
        if (is_wanted(*source.run, record) && !exceptions_.contains(text) &&
            seen.emplace(text, true).second) {
          count(writer_.block(block.prefix, entry_of({source.run, &source.feed, &record})));
        }
      }
    }
  }

  const ExportRequest& request_;
  ExportTime time_;
  ExportWriter& writer_;
  std::vector<ExportSource> sources_;
  std::map<std::string, bool> exceptions_;  // name -> exact
  uint64_t written_ = 0;
  uint64_t left_out_ = 0;
};

}  // namespace

Result<std::string> export_indicators(std::span<const ExportSource> sources,
                                      const std::vector<ExceptionSettings>& exceptions,
                                      const ExportRequest& request, ExportTime time) {
  const auto writer = make_export_writer(request.format);
  if (!writer) {
    return fail("no export format is named '{}'; there are {}", printable(request.format, 40),
                fmt::join(export_formats(), ", "));
  }
  return Exporter(sources, exceptions, request, time, *writer).run();
}

}  // namespace cenote
