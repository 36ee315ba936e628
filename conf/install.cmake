# Run by `cmake --install`: what belongs to the system rather than to the prefix. The prefix is known only now.
# Given by CMakeLists.txt: CENOTE_SOURCE (the tree).

# The Filesystem Hierarchy Standard puts the configuration of /usr and of /usr/local under /etc; any other prefix
# keeps to itself.
if(CMAKE_INSTALL_PREFIX MATCHES "^/usr(/local)?/?$")
  set(sysconf /etc)
else()
  set(sysconf ${CMAKE_INSTALL_PREFIX}/etc)
endif()

# A configuration that somebody has edited stays.
if(NOT EXISTS "$ENV{DESTDIR}${sysconf}/cenote/cenote.yaml")
  file(INSTALL ${CENOTE_SOURCE}/conf/cenote.yaml DESTINATION ${sysconf}/cenote)
endif()

# The unit names the places where things are.
file(READ ${CENOTE_SOURCE}/conf/cenote.service unit)
string(REPLACE "/usr/local/sbin/cenote" "${CMAKE_INSTALL_PREFIX}/sbin/cenote" unit "${unit}")
string(REPLACE "/usr/share/doc/cenote" "${CMAKE_INSTALL_PREFIX}/share/doc/cenote" unit "${unit}")
string(REPLACE "--config /etc/cenote" "--config ${sysconf}/cenote" unit "${unit}")
set(folder ${CMAKE_INSTALL_PREFIX}/lib/systemd/system)
file(MAKE_DIRECTORY $ENV{DESTDIR}${folder})
file(WRITE $ENV{DESTDIR}${folder}/cenote.service "${unit}")
message(STATUS "Installing: $ENV{DESTDIR}${folder}/cenote.service")
