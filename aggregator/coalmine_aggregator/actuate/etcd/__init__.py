"""Withdrawals under leases in etcd, and those who follow them."""
