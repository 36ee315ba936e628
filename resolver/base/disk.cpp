#include "resolver/base/disk.h"

#include <sys/statvfs.h>

namespace cenote {

bool is_read_only(const std::string& folder) {
  struct statvfs status {};
  return statvfs(folder.c_str(), &status) == 0 && (status.f_flag & ST_RDONLY) != 0;
}

}  // namespace cenote
