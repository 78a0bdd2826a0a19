"""What the install script leaves to Python: finding out about a host, writing a configuration, asking a
service whether it is well, copying a store. `deploy/install/install.sh` calls it as
`python -m coalmine_install`."""
