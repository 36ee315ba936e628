# cmake -DFOLDER=blockpage/assets -DOUTPUT=assets_embedded.cpp -P embed.cmake
# Writes the source that defines embedded_assets(): each file as one raw string.
file(GLOB files ${FOLDER}/*.html ${FOLDER}/*.css ${FOLDER}/*.svg ${FOLDER}/*.json)
list(SORT files)
set(rows "")
foreach(path IN LISTS files)
  get_filename_component(name "${path}" NAME)
  file(READ "${path}" text)
  string(STRIP "${text}" text)
  string(APPEND rows "    {\"${name}\", R\"cenote_asset(${text})cenote_asset\"},\n")
endforeach()
get_filename_component(folder "${OUTPUT}" DIRECTORY)
file(MAKE_DIRECTORY "${folder}")
file(WRITE "${OUTPUT}" "#include \"blockpage/assets.h\"

#include <array>

namespace cenote {

Assets embedded_assets() noexcept {
  static constexpr auto kAssets = std::to_array<Asset>({
${rows}  });
  return kAssets;
}

}  // namespace cenote
")
