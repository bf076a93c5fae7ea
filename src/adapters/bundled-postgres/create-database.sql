-- Creates the database of the service in a new cluster. It has the name of the first user of the cluster, and the
-- connection URL contains it.
create database firstcome;
