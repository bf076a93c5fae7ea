-- Creates the service's own database in a cluster that initdb has just made. The name is that of the cluster's first
-- user, and stands in the connection URL.
create database firstcome;
