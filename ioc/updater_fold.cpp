#include <unistd.h>

#include "ioc/background_thread.h"
#include "ioc/durable_file.h"
#include "ioc/updater_work.h"
#include "resolver/base/guarded.h"
#include "resolver/base/log.h"

namespace cenote {

// Behind everything else: what is in force does not change by it.
void Updater::Work::run_folds() {
  while (!stopping_) {
    if (auto job = folds_.take(mono_now() + seconds(60))) {
      BackgroundThread folding(*std::move(job));
      folding.wait();
    }
  }
}

std::string Updater::Work::folding_path() const {
  return settings_.state_dir + "/folding";
}

void Updater::Work::fold_when_due() {
  if (layers_.overlay == nullptr || is_folding_ || stopping_ || mono_now() < next_fold_) {
    return;
  }
  const Overlay& overlay = *layers_.overlay;
  const bool is_large = std::max(overlay.size(), overlay.own_count()) >= settings_.fold_entries;
  if (!is_large && mono_now() - overlay_since_ < settings_.fold_after) {
    return;
  }
  Fold fold;
  fold.from = layers_;
  fold.generation = store_->current().number;
  for (const SnapshotFeed& feed : layers_.base->feeds()) {
    fold.parts.push_back({feed.name, nullptr});
  }
  fold.hash_seed = random_.u64();
  fold.file = folding_path();
  overlay_since_ = mono_now();
  is_folding_ = folds_.post([this, fold = std::move(fold)] {
    auto base = guarded([&] { return make_base(fold); });
    jobs_->post([this, fold, base = std::move(base)] { finish_fold(fold, base); });
  });
}

Result<std::shared_ptr<const CompiledSnapshot>> Updater::Work::make_base(const Fold& fold) const {
  const auto built = build_snapshot(fold.from.base.get(), fold.from.overlay.get(), fold.parts,
                                    {fold.generation, fold.hash_seed, incoming_, &stopping_});
  if (!built) {
    return built.error();
  }
  if (Result<void> written = built->file->keep_as(fold.file, Durability::kAtomic); !written) {
    return written.error();
  }
  auto base = CompiledSnapshot::open(fold.file);
  if (!base) {
    return base.error();
  }
  return own(std::move(*base));
}

// What changed meanwhile stands over the new base. When that was a whole list, another base came with it.
void Updater::Work::finish_fold(const Fold& fold,
                                const Result<std::shared_ptr<const CompiledSnapshot>>& base) {
  constexpr milliseconds kRetryAfter{60'000};  // a full disk is not emptied by trying
  is_folding_ = false;
  next_fold_ = mono_now() + kRetryAfter;
  if (!base || layers_.base != fold.from.base) {
    if (!base && !stopping_) {
      log::error("fold: {}", base.error().message);
    }
    ::unlink(fold.file.c_str());
    return;
  }
  const std::string path = store_->snapshot_path(fold.generation);
  if (Result<void> moved = move_over(fold.file, path); !moved) {
    log::error("fold: {}", moved.error().message);
    return;
  }
  if (Result<void> folded = store_->fold(fold.generation, (*base)->checksum()); !folded) {
    log::error("fold: {}", folded.error().message);
    ::unlink(path.c_str());
    return;
  }
  next_fold_ = {};
  log::info("{} changed entries are part of the compiled snapshot now", fold.from.overlay->size());
  const bool is_whole = store_->current().number == fold.generation;
  publish({*base, is_whole ? nullptr : rebase_overlay(layers_, fold.generation, **base)});
}

}  // namespace cenote
