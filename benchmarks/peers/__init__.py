"""The programs that Coalmine is compared with, one file each, from Debian packages."""
