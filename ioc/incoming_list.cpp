#include "ioc/incoming_list.h"

namespace cenote {

Result<std::shared_ptr<IncomingList>> IncomingList::create(const std::string& folder) {
  auto file = TemporaryFile::create(folder);
  if (!file) {
    return file.error();
  }
  return std::shared_ptr<IncomingList>(new IncomingList(std::move(*file)));
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

Result<void> IncomingList::append(Bytes piece) {
  if (Result<void> appended = file_.append(piece); !appended) {
    return appended;
  }
  hash_.add(piece);
  size_ += piece.size();
  return {};
}

}  // namespace cenote
