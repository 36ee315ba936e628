#include "ioc/store.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>

#include <sys/file.h>

#include <fcntl.h>
#include <unistd.h>
#include <xxhash.h>

#include "ioc/durable_file.h"
#include "ioc/store_json.h"
#include "resolver/base/log.h"

namespace cenote {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMostManifestBytes = uint64_t{256} << 20;
constexpr uint64_t kMostContentBytes = uint64_t{1} << 30;

std::string manifest_path(const std::string& folder) {
  return folder + "/manifest.json";
}
std::string previous_path(const std::string& folder) {
  return folder + "/manifest.previous.json";
}

Result<std::vector<StoredGeneration>> read_manifest_file(const std::string& path) {
  auto text = read_whole_file(path, kMostManifestBytes);
  if (!text) {
    return text.error();
  }
  auto generations = read_manifest(*text);
  return generations ? std::move(generations)
                     : Result<std::vector<StoredGeneration>>(generations.error().within(path));
}

}  // namespace

Result<std::unique_ptr<Store>> Store::open(const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder + "/contents", error);
  if (error) {
    return fail("{}: {}", folder, error.message());
  }
  std::unique_ptr<Store> store(new Store(folder));
  if (Result<void> locked = store->lock(); !locked) {
    return locked.error();
  }
  store->load();
  return store;
}

Store::~Store() {
  if (lock_ >= 0) {
    ::close(lock_);
  }
}

Result<void> Store::lock() {
  const std::string path = folder_ + "/lock";
  lock_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (lock_ < 0) {
    return fail("{}: {}", path, std::strerror(errno));
  }
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    return fail("{}: another process uses this state_dir", path);
  }
  return {};
}

void Store::load() {
  for (const std::string& path : {manifest_path(folder_), previous_path(folder_)}) {
    auto generations = read_manifest_file(path);
    if (generations) {
      generations_ = std::move(*generations);
      return;
    }
    if (fs::exists(path)) {
      log::error("{}; the generation before is used", generations.error().message);
    }
  }
}

std::string Store::content_id(std::string_view bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

Result<std::string> Store::put_content(std::string_view bytes) {
  const std::string id = content_id(bytes);
  const std::string path = folder_ + "/contents/" + id;
  // A file of that name may be damaged: only one that reads back right is the same.
  if (auto there = content(id); there && *there == bytes) {
    return id;
  }
  if (Result<void> written = replace_file(path, as_bytes(bytes), Durability::kDurable); !written) {
    return written.error();
  }
  return id;
}

Result<std::string> Store::content(const std::string& id) const {
  auto bytes = read_whole_file(folder_ + "/contents/" + id, kMostContentBytes);
  if (bytes && content_id(*bytes) != id) {
    return fail("{}/contents/{}: damaged", folder_, id);
  }
  return bytes;
}

std::string Store::snapshot_path(uint64_t generation) const {
  return fmt::format("{}/snapshot-{}", folder_, generation);
}

Result<void> Store::put_snapshot(uint64_t generation, Bytes image) {
  // Not forced to the disk: its checksum tells when it did not arrive, and contents are there to make it
  // again.
  return replace_file(snapshot_path(generation), image, Durability::kAtomic);
}

Result<void> Store::commit(StoredGeneration next) {
  std::vector<StoredGeneration> generations = generations_;
  if (generations.back().number == 0) {
    generations.clear();  // the nothing before the first one
  }
  generations.push_back(std::move(next));
  if (generations.size() > kKeptGenerations) {
    generations.erase(generations.begin(), generations.end() - static_cast<ptrdiff_t>(kKeptGenerations));
  }
  const std::string path = manifest_path(folder_);
  const std::string previous = previous_path(folder_);
  ::unlink(previous.c_str());
  static_cast<void>(::link(path.c_str(), previous.c_str()));  // there is none yet at the first commit
  const std::string text = write_manifest(generations);
  if (Result<void> written = replace_file(path, as_bytes(text), Durability::kDurable); !written) {
    return written.error();
  }
  generations_ = std::move(generations);
  drop_unused();
  return {};
}

// Contents that no kept generation names, and snapshots other than the current one. What cannot be removed
// now is tried again at the next commit.
void Store::drop_unused() {
  std::set<std::string> used;
  for (const StoredGeneration& generation : generations_) {
    for (const auto& [name, feed] : generation.feeds) {
      used.insert({feed.content, feed.patch, feed.decisions, feed.rejects});
    }
  }
  std::error_code error;
  std::vector<fs::path> unused;
  for (const auto& entry : fs::directory_iterator(folder_ + "/contents", error)) {
    if (!used.contains(entry.path().filename().string())) {
      unused.push_back(entry.path());
    }
  }
  const std::string snapshot = fs::path(snapshot_path(current().number)).filename().string();
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("snapshot-") && name != snapshot) {
      unused.push_back(entry.path());
    }
  }
  for (const fs::path& path : unused) {
    fs::remove(path, error);
  }
}

}  // namespace cenote
