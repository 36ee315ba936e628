#include "ioc/incoming_list.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <sys/stat.h>

#include <fcntl.h>
#include <unistd.h>

#include "ioc/durable_file.h"

namespace cenote {

Result<std::shared_ptr<IncomingList>> IncomingList::create(const std::string& folder) {
  std::string path = folder + "/XXXXXX";
  const int descriptor = ::mkostemp(path.data(), O_CLOEXEC);
  if (descriptor < 0) {
    return fail("{}: {}", folder, std::strerror(errno));
  }
  static_cast<void>(::fchmod(descriptor, 0640));  // as the store's other files
  return std::shared_ptr<IncomingList>(new IncomingList(std::move(path), descriptor));
}

Result<std::shared_ptr<IncomingList>> IncomingList::copy_of(const std::string& file,
                                                            const std::string& folder) {
  auto list = create(folder);
  if (!list) {
    return list.error();
  }
  const Result<void> copied =
      read_pieces(file, kMostIncomingBytes, [&](Bytes piece) { return (*list)->append(piece); });
  return copied ? std::move(list) : Result<std::shared_ptr<IncomingList>>(copied.error());
}

IncomingList::~IncomingList() {
  ::close(descriptor_);
  if (!is_kept_) {
    ::unlink(path_.c_str());
  }
}

Result<void> IncomingList::append(Bytes piece) {
  if (!write_all(descriptor_, piece)) {
    return fail("{}: {}", path_, std::strerror(errno));
  }
  hash_.add(piece);
  size_ += piece.size();
  return {};
}

Result<void> IncomingList::keep_as(const std::string& path) {
  if (::fsync(descriptor_) != 0 || ::rename(path_.c_str(), path.c_str()) != 0) {
    return fail("{}: {}", path, std::strerror(errno));
  }
  path_ = path;
  is_kept_ = true;
  return sync_folder_of(path);
}

}  // namespace cenote
