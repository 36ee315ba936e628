#include "ioc/guards.h"

#include <algorithm>
#include <filesystem>

#include <xxhash.h>

#include "ioc/guard_lists.h"
#include "resolver/base/log.h"
#include "resolver/base/text.h"

namespace cenote {
namespace {

constexpr std::string_view kTopSite = "top_site";
constexpr std::string_view kProtectedName = "protected_name";
constexpr std::string_view kWarninglist = "warninglist";
constexpr std::string_view kSharedHost = "shared_host";
constexpr std::string_view kPrivateSuffix = "private_suffix";
constexpr std::string_view kWideBlock = "wide_block";

std::string key_of(const Name& name) {
  return std::string(as_text(name.wire()));
}

AddressIndex::Number last_of(const Prefix& prefix) {
  AddressIndex::Number last = number_of(prefix.address);
  const unsigned host_bits = (prefix.address.is_v4() ? 32U : 128U) - prefix.length;
  const auto ones = [](unsigned bits) { return bits >= 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1; };
  last.low |= ones(host_bits);
  last.high |= host_bits > 64 ? ones(host_bits - 64) : 0;
  return last;
}

std::string resolved(const std::string& path, const std::string& base_dir) {
  return (std::filesystem::path(base_dir) / path).string();
}

std::optional<Guards::Hold> caught(std::string_view reason, GuardAction action, std::string why) {
  if (action == GuardAction::kOff) {
    return std::nullopt;
  }
  return Guards::Hold{reason, std::move(why), action == GuardAction::kReject};
}

}  // namespace

int32_t Guards::add_list(std::string_view reason, std::string title, GuardAction action) {
  lists_.push_back({reason, std::move(title), action});
  return static_cast<int32_t>(lists_.size() - 1);
}

void Guards::add_name(std::string_view text, int32_t list) {
  const auto name = Name::from_text(text);
  if (!name || name->is_root()) {
    return;
  }
  const List& of = lists_[static_cast<size_t>(list)];
  if (of.action == GuardAction::kOff && of.reason != kTopSite) {
    return;
  }
  Guarded& own = names_[key_of(*name)];
  own.is_top_site = own.is_top_site || of.reason == kTopSite;
  if (own.list >= 0 || of.action == GuardAction::kOff) {
    return;  // the first list that names it is the one that is told; those that reject come first
  }
  own.list = list;
  const auto number = static_cast<int32_t>(texts_.size());
  texts_.push_back(name->to_text());
  for (size_t labels = name->label_count() - 1; labels > 0; --labels) {
    Guarded& above = names_[key_of(name->suffix(labels))];
    above.below = above.below < 0 ? number : above.below;
  }
}

void Guards::add_shared_host(std::string_view text) {
  if (const auto name = Name::from_text(text)) {
    names_[key_of(*name)].is_shared = true;
  }
}

void Guards::add_block(const Prefix& prefix, int32_t list) {
  const GuardAction action = lists_[static_cast<size_t>(list)].action;
  if (action == GuardAction::kOff) {
    return;
  }
  Ranges& blocks = action == GuardAction::kReject ? rejected_blocks_ : held_blocks_;
  (prefix.address.is_v4() ? blocks.v4 : blocks.v6)
      .push_back({number_of(prefix.address), last_of(prefix), static_cast<uint32_t>(list)});
}

void Guards::add_top_sites(const GuardSettings& settings, const std::string& base_dir) {
  if (settings.top_sites.empty()) {
    const int32_t list = add_list(kTopSite, "the built-in list of top sites", actions_.top_site);
    for (const std::string_view site : guard_lists::top_sites()) {
      add_name(site, list);
      add_name("www." + std::string(site), list);
    }
    return;
  }
  auto file = read_guard_file(resolved(settings.top_sites, base_dir));
  if (!file) {
    log::error("guards.top_sites: {}; the built-in list stands in", file.error().message);
    add_top_sites(GuardSettings{}, base_dir);
    return;
  }
  const int32_t list = add_list(kTopSite, settings.top_sites, actions_.top_site);
  const size_t most = settings.top_sites_limit == 0 ? file->names.size() : settings.top_sites_limit;
  for (const std::string& site : std::span(file->names).first(std::min(most, file->names.size()))) {
    add_name(site, list);
    add_name("www." + site, list);
  }
}

void Guards::add_warninglist(const std::string& path, GuardAction action) {
  auto file = read_guard_file(path);
  if (!file) {
    log::error("guards.warninglists: {}", file.error().message);
    return;
  }
  const int32_t list =
      add_list(kWarninglist,
               file->title.empty() ? std::filesystem::path(path).filename().string() : file->title, action);
  for (const std::string& name : file->names) {
    add_name(name, list);
  }
  for (const Prefix& block : file->blocks) {
    add_block(block, list);
  }
}

// Ranges that overlap become one, so that one search finds whether anything is touched.
void Guards::finish() {
  for (std::vector<Range>* ranges :
       {&rejected_blocks_.v4, &rejected_blocks_.v6, &held_blocks_.v4, &held_blocks_.v6}) {
    std::stable_sort(ranges->begin(), ranges->end(),
                     [](const Range& a, const Range& b) { return a.first < b.first; });
    size_t kept = 0;
    for (const Range& range : *ranges) {
      if (kept != 0 && range.first <= (*ranges)[kept - 1].last) {
        (*ranges)[kept - 1].last = std::max((*ranges)[kept - 1].last, range.last);
      } else {
        (*ranges)[kept++] = range;
      }
    }
    ranges->resize(kept);
  }
  const auto guard_id = [&](int32_t list) {
    const std::string_view reason = lists_[static_cast<size_t>(list)].reason;
    return XXH3_64bits(reason.data(), reason.size());
  };
  uint64_t sum = names_.size();
  for (const auto& [name, guarded] : names_) {  // in any order
    const uint64_t guard = guarded.list >= 0 ? guard_id(guarded.list) : 0;
    sum += XXH3_64bits_withSeed(name.data(), name.size(),
                                guard + (guarded.is_shared ? 1U : 0U) + (guarded.is_top_site ? 2U : 0U));
  }
  for (const std::vector<Range>* ranges :
       {&rejected_blocks_.v4, &rejected_blocks_.v6, &held_blocks_.v4, &held_blocks_.v6}) {
    sum = sum * 31 + ranges->size();
    for (const Range& range : *ranges) {
      sum = XXH3_64bits_withSeed(&range.first, sizeof range.first + sizeof range.last,
                                 sum + guard_id(static_cast<int32_t>(range.list)));
    }
  }
  for (const GuardAction action : {actions_.top_site, actions_.protected_name, actions_.warninglist,
                                   actions_.shared_host, actions_.private_suffix, actions_.wide_block}) {
    sum = sum * 3 + static_cast<uint64_t>(action);
  }
  fingerprint_ = fmt::format("guards {:016x} /{} /{}", sum, widest_ipv4_, widest_ipv6_);
}

Guards Guards::load(const GuardSettings& settings, const std::string& base_dir) {
  Guards guards;
  guards.actions_ = settings.entries;
  guards.widest_ipv4_ = settings.widest_ipv4;
  guards.widest_ipv6_ = settings.widest_ipv6;
  guards.add_lists(settings, base_dir, true);
  guards.add_lists(settings, base_dir, false);
  for (const std::string_view host : guard_lists::shared_hosts()) {
    guards.add_shared_host(host);
  }
  guards.finish();
  return guards;
}

// Those that reject, or the others.
void Guards::add_lists(const GuardSettings& settings, const std::string& base_dir, bool rejecting) {
  const auto is_due = [&](GuardAction action) { return (action == GuardAction::kReject) == rejecting; };
  if (const GuardAction protects = actions_.protected_name; is_due(protects)) {
    const int32_t configured = add_list(kProtectedName, "the hosts of this configuration", protects);
    for (const std::string& name : settings.names) {
      if (const auto block = Prefix::from_text(name)) {
        add_block(*block, configured);
      } else {
        add_name(name, configured);
      }
    }
    const int32_t infrastructure =
        add_list(kProtectedName, "the built-in list of certificate, time and update servers", protects);
    for (const std::string_view name : guard_lists::infrastructure()) {
      add_name(name, infrastructure);
    }
  }
  if (is_due(actions_.top_site)) {
    add_top_sites(settings, base_dir);
  }
  if (is_due(actions_.warninglist)) {
    for (const std::string& path : settings.warninglists) {
      add_warninglist(resolved(path, base_dir), actions_.warninglist);
    }
  }
}

Guards::Hold Guards::covers(std::string_view name, int32_t list) const {
  const List& of = lists_[static_cast<size_t>(list)];
  return {of.reason, fmt::format("would block {}, which is in {}", name, printable(of.title)),
          of.action == GuardAction::kReject};
}

const Guards::Guarded* Guards::find(const Name& name) const {
  const auto found = names_.find(as_text(name.wire()));
  return found == names_.end() ? nullptr : &found->second;
}

std::optional<Guards::Hold> Guards::check(const Indicator& indicator, const FeedGuards& feed) const {
  if (indicator.allow) {
    return std::nullopt;  // blocks nothing
  }
  if (indicator.kind == Indicator::Kind::kAddress) {
    return check_block(indicator.prefix, feed.wide_block.value_or(actions_.wide_block));
  }
  if (auto hold = check_name(indicator)) {
    return hold;
  }
  const GuardAction action = feed.shared_host.value_or(actions_.shared_host);
  if (!indicator.from_url || action == GuardAction::kOff) {
    return std::nullopt;
  }
  const auto whose = shared_by_many(indicator.name);
  return whose
             ? caught(kSharedHost, action, fmt::format("came out of a URL, and many people share {}", *whose))
             : std::nullopt;
}

std::optional<Guards::Hold> Guards::check_private_suffix(const FeedGuards& feed) const {
  return caught(kPrivateSuffix, feed.private_suffix.value_or(actions_.private_suffix),
                "would block every customer of a service that gives names below it away");
}

std::optional<Guards::Hold> Guards::check_name(const Indicator& indicator) const {
  const Guarded* own = find(indicator.name);
  if (own == nullptr) {
    return std::nullopt;
  }
  std::optional<Hold> held;
  if (own->list >= 0 && indicator.scope != Scope::kBelow) {
    held = covers(indicator.name.to_text(), own->list);
  }
  if (own->below >= 0 && indicator.scope != Scope::kExact && !(held && held->is_rejected)) {
    const std::string& text = texts_[static_cast<size_t>(own->below)];
    Hold below = covers(text, find(*Name::from_text(text))->list);
    if (!held || below.is_rejected) {
      held = std::move(below);
    }
  }
  return held;
}

// One page is bad, its host serves others: known shared hosts, hosts of a top site, and the bare domain of a
// service that gives names away. A name that such a service gave is one person's, and passes.
std::optional<std::string> Guards::shared_by_many(const Name& host) const {
  const PublicSuffixes& suffixes = PublicSuffixes::system();
  const std::string text = host.to_text();
  const Guarded* own = find(host);
  if ((own != nullptr && own->is_shared) || suffixes.kind(text) == PublicSuffixes::Kind::kPrivate) {
    return text;
  }
  for (size_t labels = host.label_count() - 1; labels > 1; --labels) {
    const Name above = host.suffix(labels);
    const std::string above_text = above.to_text();
    if (suffixes.kind(above_text) == PublicSuffixes::Kind::kPrivate) {
      return std::nullopt;
    }
    const Guarded* guarded = find(above);
    if (guarded != nullptr && guarded->is_top_site) {
      return above_text;
    }
  }
  return std::nullopt;
}

std::optional<Guards::Hold> Guards::check_block(const Prefix& prefix, GuardAction wide) const {
  const unsigned widest = prefix.address.is_v4() ? widest_ipv4_ : widest_ipv6_;
  const auto by_width =
      prefix.length < widest
          ? caught(kWideBlock, wide, fmt::format("would block a net wider than /{}", widest))
          : std::nullopt;
  for (const Ranges* blocks : {&rejected_blocks_, &held_blocks_}) {
    if (auto hold = touched(*blocks, prefix)) {
      return by_width && by_width->is_rejected ? by_width : hold;
    }
  }
  return by_width;
}

std::optional<Guards::Hold> Guards::touched(const Ranges& blocks, const Prefix& prefix) const {
  const std::vector<Range>& ranges = prefix.address.is_v4() ? blocks.v4 : blocks.v6;
  const AddressIndex::Number first = number_of(prefix.address);
  const AddressIndex::Number last = last_of(prefix);
  const auto found =
      std::lower_bound(ranges.begin(), ranges.end(), first,
                       [](const Range& range, const AddressIndex::Number& at) { return range.last < at; });
  if (found == ranges.end() || last < found->first) {
    return std::nullopt;
  }
  const List& list = lists_[found->list];
  return caught(list.reason, list.action, fmt::format("would block addresses in {}", printable(list.title)));
}

}  // namespace cenote
